// A plain TCP stream.
#pragma once
#include <cstdint>
#include <span>

#include "base/clock.h"
#include "net/socket.h"
#include "net/stream.h"

namespace tickwire {

// read() belongs to one thread and write() to one thread; the two may be different.
// Only kAgain says that the socket is drained: after a short read an end of stream may still wait in the kernel whose
// edge came together with the data.
class TcpStream final : public Stream {
 public:
  explicit TcpStream(Fd fd) noexcept : fd_(static_cast<Fd&&>(fd)) {}  // connected and non-blocking
  [[nodiscard]] IoResult read(std::span<uint8_t> into, int64_t& kernel_ns) override;
  [[nodiscard]] IoResult write(std::span<const iovec> pieces) override;
  void shutdown_write() noexcept override;
  [[nodiscard]] bool has_buffered_input() const noexcept override { return false; }
  [[nodiscard]] int fd() const noexcept override { return fd_.get(); }
  [[nodiscard]] bool full_duplex_threads() const noexcept override { return true; }

 private:
  Fd fd_;
  WallToMono to_mono_;
};

}  // namespace tickwire
