// Fills the compressed lane: each frame of the plain WebSocket lane is compressed once, without context, and shared by
// all clients that negotiated it. Runs on loop 0, as a cursor of its own on the plain lane.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "base/error.h"
#include "hub/publication.h"
#include "ws/byte_buffer.h"
#include "ws/deflate.h"

namespace tickwire::hub {

class Compressor {
 public:
  explicit Compressor(Publication& publication);
  // Goes on to the head of the plain lane, or for as long as its share of a turn lasts. Entries below `must` are done
  // in any case: what would take too long goes out uncompressed. True when the lane has grown.
  bool run(uint64_t must);
  [[nodiscard]] uint64_t next() const noexcept { return next_; }
  // The lane was opened anew at this entry.
  void start(uint64_t index) noexcept { next_ = index; }

 private:
  [[nodiscard]] bool compress(std::span<const uint8_t> frame, uint64_t index, bool message);

  Publication& publication_;
  std::unique_ptr<ws::Deflater> deflater_;  // null without memory: then nothing is compressed
  ws::ByteBuffer packed_;
  uint64_t next_ = 0;
};

// Of an unmasked server frame: its header's size.
[[nodiscard]] constexpr size_t header_of(const uint8_t* frame) noexcept {
  return frame[1] < 126 ? 2 : frame[1] == 126 ? 4 : 10;
}

}  // namespace tickwire::hub
