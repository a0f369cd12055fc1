#include "wire/frame_parser.h"

#include <algorithm>

#include "wire/frame_start.h"
#include "wire/frame_writer.h"
#include "wire/quote_frame.h"

namespace tickwire::wire {
namespace {

// Quotes that are checked before they are passed on: few enough that they are still in the first-level cache then.
constexpr size_t kRun = 128;

// Four checksums side by side, since each is a chain of instructions that wait for one another.
bool four_intact(const uint8_t* at) noexcept {
  uint32_t state[4];
  for (size_t i = 0; i < 4; ++i) state[i] = crc32c_step(kCrc32cStart, load<uint64_t>(at + i * kQuoteFrameBytes));
  for (size_t i = 0; i < 4; ++i) state[i] = crc32c_step(state[i], load<uint32_t>(at + i * kQuoteFrameBytes + 8));
  for (size_t word = 16; word < kQuoteFrameBytes; word += 8) {
    for (size_t i = 0; i < 4; ++i) state[i] = crc32c_step(state[i], load<uint64_t>(at + i * kQuoteFrameBytes + word));
  }
  uint32_t wrong = 0;
  for (size_t i = 0; i < 4; ++i) wrong |= ~state[i] ^ load<uint32_t>(at + i * kQuoteFrameBytes + 12);
  return wrong == 0;
}

bool intact(const uint8_t* at) noexcept { return load<uint32_t>(at + 12) == frame_crc(at, kQuotePayloadBytes); }

bool clean(const uint8_t* at) noexcept {
  const uint8_t* payload = at + kHeaderBytes;
  const uint8_t* end = at + kQuoteFrameBytes;
  return !has_magic_pair(payload) || find_frame_start(payload, end) == end;
}

// How many of the frames at `at`, `most` at most, are intact quotes.
size_t count_quotes(const uint8_t* at, size_t most) noexcept {
  constexpr size_t kSize = kQuoteFrameBytes;
  size_t n = 0;
  for (; n + 4 <= most; n += 4) {
    const uint8_t* four = at + n * kSize;
    if (!(looks_like_quote(four) && looks_like_quote(four + kSize) && looks_like_quote(four + 2 * kSize) &&
          looks_like_quote(four + 3 * kSize)) ||
        !four_intact(four) ||
        !(clean(four) && clean(four + kSize) && clean(four + 2 * kSize) && clean(four + 3 * kSize))) {
      break;
    }
  }
  while (n < most && looks_like_quote(at + n * kSize) && intact(at + n * kSize) && clean(at + n * kSize)) ++n;
  return n;
}

}  // namespace

Flow EachFrameSink::on_quotes(const uint8_t* frames, size_t count, size_t& taken) {
  for (taken = 0; taken < count; ++taken) {
    const uint8_t* at = frames + taken * kQuoteFrameBytes;
    const Flow flow = on_frame({read_header(at), {at + kHeaderBytes, kQuotePayloadBytes}});
    if (flow == Flow::kContinue) continue;
    if (flow == Flow::kStop) ++taken;
    return flow;
  }
  return Flow::kContinue;
}

struct FrameParser::Cursor {
  uint8_t* p;
  uint8_t* const end;
  const size_t most;  // bytes of payload that can get whole
  const bool last;
  FrameSink& sink;
  Flow flow = Flow::kContinue;
  [[nodiscard]] size_t left() const noexcept { return static_cast<size_t>(end - p); }
};

// Moves to the next place where a frame may begin; false when nothing but, perhaps, the first bytes of one are left.
bool FrameParser::seek(Cursor& c) noexcept {
  uint8_t* at = c.p + (find_frame_start(c.p, c.end) - c.p);
  const bool found = at != c.end;
  if (!found && !c.last) {
    if (c.left() >= 2 && c.end[-2] == kMagic[0] && c.end[-1] == kMagic[1]) {
      at -= 2;
    } else if (c.left() >= 1 && c.end[-1] == kMagic[0]) {
      at -= 1;
    }
  }
  counters_.skipped_bytes += static_cast<uint64_t>(at - c.p);
  c.p = at;
  return found;
}

FrameParser::Step FrameParser::damaged(Cursor& c, Damage damage) noexcept {
  ++counters_.damaged[static_cast<size_t>(damage)];
  ++counters_.skipped_bytes;
  passed(c, 1);
  return Step::kNext;
}

FrameParser::Step FrameParser::not_whole(Cursor& c) noexcept {
  if (c.last || give_up_) return damaged(c, Damage::kGivenUp);
  partial_ = true;
  return Step::kMore;
}

// What was known about the first bytes does not hold for the next.
void FrameParser::passed(Cursor& c, size_t bytes) noexcept {
  c.p += bytes;
  scanned_ = 0;
  give_up_ = false;
}

// Runs of quotes: nearly all there is. Whatever is something else, or wrong, is left to the general path.
FrameParser::Step FrameParser::quotes(Cursor& c) {
  for (;;) {
    const size_t most = std::min(c.left() / kQuoteFrameBytes, kRun);
    const size_t count = count_quotes(c.p, most);
    if (count == 0) return Step::kNext;
    size_t taken = 0;
    c.flow = c.sink.on_quotes(c.p, count, taken);
    if (c.flow == Flow::kContinue) taken = count;
    counters_.frames += taken;
    if (taken != 0) passed(c, taken * kQuoteFrameBytes);
    if (c.flow != Flow::kContinue) return Step::kLeave;
    if (count < most) return Step::kNext;
  }
}

FrameParser::Step FrameParser::frame(Cursor& c) {
  if (c.left() < kHeaderBytes) return not_whole(c);
  const Header header = read_header(c.p);
  if (header.type == 0) return damaged(c, Damage::kType);
  if (header.length > c.most) return damaged(c, Damage::kLength);
  const uint8_t* payload = c.p + kHeaderBytes;
  const size_t here = std::min<size_t>(c.left() - kHeaderBytes, header.length);
  if (here > scanned_) {
    // The last two bytes looked at may have been the first two of a start.
    const uint8_t* from = payload + (scanned_ > 2 ? scanned_ - 2 : 0);
    if (find_frame_start(from, payload + here) != payload + here) return damaged(c, Damage::kCutShort);
    scanned_ = here;
  }
  if (here < header.length) return not_whole(c);
  if (header.crc != frame_crc(c.p, header.length)) return damaged(c, Damage::kChecksum);
  return offer(c, header);
}

FrameParser::Step FrameParser::offer(Cursor& c, const Header& header) {
  const size_t bytes = kHeaderBytes + header.length;
  std::span<uint8_t> payload{c.p + kHeaderBytes, header.length};
  const bool masked = (header.flags & kFlagMasked) != 0;
  if ((header.flags & ~kFlagsUnderstood) != 0 || (masked && payload.size() < kMaskBytes)) {
    ++counters_.unsupported;
    passed(c, bytes);
    return Step::kNext;
  }
  if (masked) payload = unmask(payload);
  c.flow = c.sink.on_frame({header, payload});
  if (c.flow == Flow::kPause) {
    // It will be shown again, and must then be what its checksum says.
    if (masked) static_cast<void>(unmask({c.p + kHeaderBytes, header.length}));
    return Step::kLeave;
  }
  ++counters_.frames;
  passed(c, bytes);
  return c.flow == Flow::kStop ? Step::kLeave : Step::kNext;
}

FrameParser::Step FrameParser::step(Cursor& c) {
  if (c.most >= kQuotePayloadBytes) {
    if (const Step run = quotes(c); run != Step::kNext) return run;
  }
  if (c.left() < 3 || !starts_frame(c.p)) {
    if (!seek(c)) return Step::kMore;
    return Step::kNext;
  }
  return frame(c);
}

ParseOutcome FrameParser::run(Cursor& c) {
  const uint8_t* begin = c.p;
  partial_ = false;
  while (step(c) == Step::kNext) {
  }
  return {static_cast<size_t>(c.p - begin), c.flow};
}

ParseOutcome FrameParser::feed(std::span<uint8_t> in, size_t in_capacity, FrameSink& sink) {
  const size_t capacity = std::max(in_capacity, kMinCapacity);
  Cursor c{in.data(), in.data() + in.size(), std::min<size_t>(max_payload_, capacity - kHeaderBytes), false, sink};
  return run(c);
}

ParseOutcome FrameParser::finish(std::span<uint8_t> in, FrameSink& sink) {
  Cursor c{in.data(), in.data() + in.size(), max_payload_, true, sink};
  return run(c);
}

void FrameParser::reset() noexcept {
  partial_ = false;
  give_up_ = false;
  scanned_ = 0;
}

}  // namespace tickwire::wire
