#include "hub/compressor.h"

#include <cstring>
#include <utility>

#include "ws/frame_writer.h"

namespace tickwire::hub {
namespace {

// Of payload, per turn: about a millisecond's work.
constexpr size_t kPackTurnBytes = 64 * 1024;

}  // namespace

Compressor::Compressor(Publication& publication) : publication_(publication) {
  const DeflateLaneOptions& options = publication.options().deflate;
  auto deflater = ws::Deflater::create(options.window_bits, false, options.level);
  if (deflater.ok()) deflater_ = std::move(deflater.value());
}

bool Compressor::run(uint64_t must) {
  const uint64_t head = publication_.head(Lane::kWs);
  const BroadcastRing& plain = publication_.ring(Lane::kWs);
  BroadcastRing& ring = publication_.compressed_ring();
  const uint64_t began = next_;
  size_t work = 0;
  // A frame never grows on its way, so what has room in the plain ring has room here.
  for (; next_ < head; ++next_) {
    const std::span<const uint8_t> frame = plain.frame(next_);
    const bool message = publication_.log()[next_].is_message();
    const bool behind = next_ < must;
    if (!behind && work >= kPackTurnBytes) break;
    if (deflater_ && !behind && frame.size() >= publication_.options().deflate.threshold) {
      work += frame.size();
      if (compress(frame, next_, message)) continue;
    }
    if (!frame.empty()) std::memcpy(ring.room(), frame.data(), frame.size());
    ring.append(next_, frame.size(), message);
  }
  if (next_ == began) return false;
  publication_.publish_compressed(next_);
  return true;
}

bool Compressor::compress(std::span<const uint8_t> frame, uint64_t index, bool message) {
  const size_t header = header_of(frame.data());
  if (!deflater_->deflate(frame.subspan(header), packed_).ok()) return false;
  const size_t size = ws::frame_header_size(packed_.size(), false) + packed_.size();
  if (size >= frame.size()) return false;
  BroadcastRing& ring = publication_.compressed_ring();
  uint8_t* const out = ring.room();
  const auto opcode = static_cast<ws::Opcode>(frame[0] & 0x0F);
  const size_t wrote = ws::write_frame_header(out, opcode, true, true, packed_.size(), nullptr);
  std::memcpy(out + wrote, packed_.data(), packed_.size());
  ring.append(index, size, message);
  return true;
}

}  // namespace tickwire::hub
