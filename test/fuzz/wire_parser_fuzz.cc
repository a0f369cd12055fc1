// Any bytes, shown in large pieces and shown in small ones to a sink that refuses now and then, must come to the same
// frames and the same counts; every byte is accounted for, and every frame that comes out stands in the input.
// The first byte says how checksums are treated: put right wherever a frame seems to begin (or the fuzzer would never
// get past them), or left alone.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dice.h"
#include "wire/frame_parser.h"
#include "wire/frame_writer.h"

namespace {

using namespace tickwire::wire;
using tickwire::fuzz::Dice;

class Sink final : public EachFrameSink {
 public:
  Sink(std::span<const uint8_t> input, Dice* refusals) : input_(input), refusals_(refusals) {}
  std::string events;
  uint64_t bytes = 0;
  Flow on_frame(const Frame& frame) override {
    if (refusals_ != nullptr && refusals_->roll(4) == 0) return Flow::kPause;
    uint8_t header[kHeaderBytes];
    write_header(header, frame.header);
    if (std::search(input_.begin(), input_.end(), header, header + kHeaderBytes) == input_.end()) std::abort();
    events.append(header, header + kHeaderBytes);
    events.append(frame.payload.begin(), frame.payload.end());
    bytes += kHeaderBytes + frame.header.length;
    return Flow::kContinue;
  }

 private:
  std::span<const uint8_t> input_;
  Dice* refusals_;
};

constexpr size_t kCapacity = FrameParser::kMinCapacity;

void run(std::span<const uint8_t> input, Dice* dice, Sink& sink, FrameParser& parser) {
  std::vector<uint8_t> ring;
  size_t at = 0;
  bool last = false;
  for (;;) {
    const size_t wanted = dice != nullptr ? 1 + dice->roll(97) : SIZE_MAX;
    const size_t n = std::min({wanted, input.size() - at, kCapacity - ring.size()});
    ring.insert(ring.end(), input.begin() + static_cast<std::ptrdiff_t>(at),
                input.begin() + static_cast<std::ptrdiff_t>(at + n));
    at += n;
    // No byte more than there is: an overrun is seen.
    const auto exact = std::make_unique<uint8_t[]>(ring.size());
    std::copy(ring.begin(), ring.end(), exact.get());
    const std::span<uint8_t> shown{exact.get(), ring.size()};
    const ParseOutcome out = last ? parser.finish(shown, sink) : parser.feed(shown, kCapacity, sink);
    if (out.consumed > ring.size()) std::abort();
    if (ring.size() == kCapacity && out.consumed == 0 && out.flow == Flow::kContinue) std::abort();
    ring.assign(exact.get() + out.consumed, exact.get() + ring.size());
    if (out.flow == Flow::kPause || at < input.size()) continue;
    if (last) break;
    last = true;
  }
  if (!ring.empty()) std::abort();
}

void right_checksums(std::vector<uint8_t>& bytes) {
  for (size_t i = 0; i + kHeaderBytes <= bytes.size(); ++i) {
    if (!starts_frame(bytes.data() + i)) continue;
    const uint32_t length = load<uint32_t>(bytes.data() + i + 8);
    if (length <= bytes.size() - i - kHeaderBytes) store(bytes.data() + i + 12, frame_crc(bytes.data() + i, length));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  std::vector<uint8_t> input(data + 2, data + size);
  if ((data[0] & 1) != 0) right_checksums(input);
  Dice dice(data[1] * 2654435761u + 1);
  const uint32_t limit = (data[0] & 2) != 0 ? 100 : kMaxPayload;

  FrameParser whole(limit);
  Sink at_once(input, nullptr);
  run(input, nullptr, at_once, whole);
  FrameParser parser(limit);
  Sink sink(input, &dice);
  run(input, &dice, sink, parser);

  if (at_once.events != sink.events) std::abort();
  const ParserCounters& a = whole.counters();
  const ParserCounters& b = parser.counters();
  if (a.frames != b.frames || a.unsupported != b.unsupported || a.skipped_bytes != b.skipped_bytes ||
      a.damaged != b.damaged) {
    std::abort();
  }
  if (a.unsupported == 0 && a.skipped_bytes + at_once.bytes != input.size()) std::abort();
  return 0;
}
