// Delivery to those whose messages are compressed for them alone, each with what the ones before have taught the
// compressor (context takeover). It costs every one of them what the compressed lane costs once, so it is done in small
// portions, into the subscriber's private bytes.
#include <algorithm>
#include <cstring>

#include "hub/broadcast_loop.h"
#include "hub/compressor.h"
#include "ws/frame_writer.h"

namespace tickwire::hub {
namespace {

// Made at once; what the socket does not take of it is the most that waits compressed.
constexpr size_t kPortionBytes = 32 * 1024;
// A byte that is compressed takes so many times as long as one that is copied to the kernel.
constexpr size_t kCost = 16;

// Appends the frame, compressed when that makes it shorter. False without memory.
bool append_compressed(Subscriber& s, std::span<const uint8_t> frame, size_t threshold, ws::ByteBuffer& packed) {
  ws::Deflater& deflater = *s.more->deflater;
  const size_t header = header_of(frame.data());
  const std::span<const uint8_t> payload = frame.subspan(header);
  if (payload.size() < threshold) return s.out.append(frame);
  // What the compressor has seen is part of the context, so it is sent compressed even when that makes it longer.
  if (!deflater.deflate(payload, packed).ok()) return false;
  uint8_t* const out = s.out.grow(ws::kMaxFrameHeader + packed.size());
  if (out == nullptr) return false;
  const auto opcode = static_cast<ws::Opcode>(frame[0] & 0x0F);
  const size_t wrote = ws::write_frame_header(out, opcode, true, true, packed.size(), nullptr);
  if (!packed.empty()) std::memcpy(out + wrote, packed.data(), packed.size());
  s.out.grown(wrote + packed.size());
  return true;
}

}  // namespace

Delivery::Step Delivery::compress(Subscriber& s, size_t& budget) {
  Connection& c = *s.more;
  const DeflateLaneOptions& options = loop_.options().deflate;
  if (!c.deflater) {
    auto made = ws::Deflater::create(c.deflate->server_max_window_bits, true, options.level);
    if (!made.ok()) {
      loop_.finish(s, made.error(), false);
      return Step::kStop;
    }
    c.deflater = std::move(made.value());
  }
  const LaneGroup& group = loop_.group_of(s);
  const EntryLog& log = loop_.publication().log();
  const Wanted wanted = wanted_by(s);
  uint64_t messages = 0;
  for (; s.cursor < group.marked() && s.out.size() < kPortionBytes && budget != 0; ++s.cursor) {
    const Entry& entry = log[s.cursor];
    const std::span<const uint8_t> frame = group.ring().frame(s.cursor);
    if (frame.empty() || !wanted(s.cursor, entry)) continue;
    if (!append_compressed(s, frame, options.threshold, packed_)) {
      loop_.finish(s, Error{Errc::kNoMemory, 0, "no memory for a compressed message"}, false);
      return Step::kStop;
    }
    messages += entry.is_message() ? 1 : 0;
    c.lag -= std::min<uint64_t>(c.lag, frame.size());
    budget -= std::min(budget, kCost * frame.size());
  }
  c.nothing_waits = s.cursor == group.marked();
  s.messages += messages;
  loop_.tally().deliveries.add(messages);
  return Step::kMore;
}

}  // namespace tickwire::hub
