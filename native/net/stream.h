// A connected, non-blocking byte stream: a plain TCP socket or TLS over one.
#pragma once
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/error.h"

namespace tickwire {

enum class IoStatus : uint8_t {
  kOk,     // `bytes` moved
  kAgain,  // nothing now; an edge will follow
  kEof,    // orderly end (for TLS: close_notify seen)
  kError,
};

struct IoResult {
  IoStatus status = IoStatus::kOk;
  size_t bytes = 0;
  Error error;
};

class Stream {
 public:
  virtual ~Stream() = default;  // closes the descriptor; unwatch it first
  // Reads what is there, at most into.size(). Only kAgain says that the input is drained: behind a short read the end
  // of the stream may wait, announced by the same edge as the data. When the kernel stamps packets, kernel_ns becomes
  // the monotonic time at which the last packet of this read arrived; otherwise it is left alone.
  [[nodiscard]] virtual IoResult read(std::span<uint8_t> into, int64_t& kernel_ns) = 0;
  // Writes the pieces in order; may write less than all of it.
  [[nodiscard]] virtual IoResult write(std::span<const iovec> pieces) = 0;
  // Ends the writing side in an orderly way (close_notify, FIN); errors are of no interest to anyone.
  virtual void shutdown_write() noexcept = 0;
  // Decrypted or buffered input that no edge will announce.
  [[nodiscard]] virtual bool has_buffered_input() const noexcept = 0;
  // Output that write() has accepted and the kernel has not got (TLS servers). The next write() sends it first; write
  // nothing, when there is nothing else, after the socket has become writable.
  [[nodiscard]] virtual bool has_unsent_output() const noexcept { return false; }
  [[nodiscard]] virtual int fd() const noexcept = 0;
  // Whether read() and write() may be called at the same time from two threads (plain sockets may, TLS may not).
  [[nodiscard]] virtual bool full_duplex_threads() const noexcept = 0;
};

struct StreamInfo {  // for logs and tests
  std::string remote_address;
  uint16_t remote_port = 0;
  std::string tls_version;  // "" when plain
  std::string tls_cipher;
  std::string alpn;
  bool tls_resumed = false;
};

}  // namespace tickwire
