// Any bytes, parsed whole and parsed in pieces by a listener that refuses now and then, must come to the same end.
// Memory for assembly stays below the limit on messages.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "dice.h"
#include "ws/deflate.h"
#include "ws/frame_parser.h"

namespace {

using namespace tickwire;
using namespace tickwire::ws;
using tickwire::fuzz::Dice;

class Sink final : public FrameSink {
 public:
  explicit Sink(Dice* refusals) : refusals_(refusals) {}
  std::string events;
  Flow on_message(const Message& m) override { return take(m.opcode == Opcode::kText ? 'T' : 'B', m.data); }
  Flow on_control(Opcode op, std::span<const uint8_t> p) override { return take(op == Opcode::kPing ? 'P' : 'O', p); }
  Flow on_close(uint16_t code, std::span<const uint8_t> reason) override {
    if (!valid_close_code(code) && code != 1005) std::abort();
    return take('C', reason);
  }

 private:
  Flow take(char kind, std::span<const uint8_t> data) {
    if (refusals_ != nullptr && refusals_->roll(4) == 0) return Flow::kPause;
    events += kind;
    events += std::to_string(data.size());
    events.append(data.begin(), data.end());
    return Flow::kContinue;
  }
  Dice* refusals_;
};

struct Setup {
  Role role;
  bool deflate;
  size_t capacity;
  Limits limits;
};

struct End {
  std::string events;
  Errc error = Errc::kNone;
};

End run(const Setup& setup, std::span<const uint8_t> input, Dice* dice) {
  FrameParser parser(setup.role, setup.limits);
  if (setup.deflate) {
    auto inflater = Inflater::create(15, true);
    if (!inflater.ok()) std::abort();
    parser.set_inflater(std::move(inflater.value()));
  }
  Sink sink(dice);
  End end;
  std::vector<uint8_t> ring;
  size_t at = 0;
  for (;;) {
    const size_t wanted = dice != nullptr ? 1 + dice->roll(97) : SIZE_MAX;
    const size_t n = std::min({wanted, input.size() - at, setup.capacity - ring.size()});
    ring.insert(ring.end(), input.begin() + static_cast<std::ptrdiff_t>(at),
                input.begin() + static_cast<std::ptrdiff_t>(at + n));
    at += n;
    // No byte more than there is: an overrun is seen.
    const auto exact = std::make_unique<uint8_t[]>(ring.size());
    std::copy(ring.begin(), ring.end(), exact.get());
    const ParseOutcome out = parser.feed({exact.get(), ring.size()}, setup.capacity, sink);
    if (out.consumed > ring.size()) std::abort();
    if (parser.assembled_bytes() > std::max<uint64_t>(setup.limits.max_message + 1, 1024)) std::abort();
    ring.assign(exact.get() + out.consumed, exact.get() + ring.size());
    if (out.error) {
      end.error = out.error.code;
      break;
    }
    if (out.flow == Flow::kPause) continue;
    if (at == input.size() && n == 0) break;
    if (ring.size() == setup.capacity && out.consumed == 0) std::abort();  // a full ring must always make progress
  }
  end.events = std::move(sink.events);
  return end;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const uint8_t flags = data[0];
  Setup setup{};
  setup.role = (flags & 1) != 0 ? Role::kServer : Role::kClient;
  setup.deflate = (flags & 2) != 0;
  setup.capacity = (flags & 4) != 0 ? FrameParser::kMinCapacity : 4096;
  setup.limits.max_message = (flags & 8) != 0 ? 300 : 1u << 16;
  setup.limits.max_fragments = (flags & 16) != 0 ? 3 : 1000;
  Dice dice(data[1] * 2654435761u + 1);
  const std::span<const uint8_t> input{data + 2, size - 2};
  const End whole = run(setup, input, nullptr);
  const End cut = run(setup, input, &dice);
  if (whole.events != cut.events) std::abort();
  // How a compressed frame is cut decides which of several faults inside it is met first, not whether there is one.
  if (setup.deflate ? (whole.error == Errc::kNone) != (cut.error == Errc::kNone) : whole.error != cut.error)
    std::abort();
  return 0;
}
