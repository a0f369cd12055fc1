// What the tests of the WebSocket layer share: frames as a peer would send them, a sink that writes everything down,
// and the three ways of delivery that must all have the same outcome.
#pragma once
#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ws/frame_parser.h"
#include "ws/frame_writer.h"

namespace tickwire::ws::test {

using Bytes = std::vector<uint8_t>;

inline Bytes bytes_of(std::string_view s) { return {s.begin(), s.end()}; }
inline Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

struct FrameSpec {
  Opcode opcode = Opcode::kText;
  Bytes payload{};
  bool fin = true;
  bool rsv1 = false;
  bool masked = false;
  uint8_t extra_bits = 0;  // or-ed into the first byte
};

inline Bytes frame(const FrameSpec& f) {
  Bytes out(kMaxFrameHeader + f.payload.size());
  const uint32_t key = 0x5EC0DE11;
  const size_t n = write_frame_header(out.data(), f.opcode, f.fin, f.rsv1, f.payload.size(), f.masked ? &key : nullptr);
  out[0] |= f.extra_bits;
  mask_copy(out.data() + n, f.payload.data(), f.payload.size(), f.masked ? key : 0);
  out.resize(n + f.payload.size());
  return out;
}
inline Bytes text(std::string_view s, bool fin = true) { return frame({Opcode::kText, bytes_of(s), fin}); }
inline Bytes binary(Bytes b, bool fin = true) { return frame({Opcode::kBinary, std::move(b), fin}); }
inline Bytes cont(std::string_view s, bool fin) { return frame({Opcode::kContinuation, bytes_of(s), fin}); }
inline Bytes ping(std::string_view s = "") { return frame({Opcode::kPing, bytes_of(s)}); }
inline Bytes pong(std::string_view s = "") { return frame({Opcode::kPong, bytes_of(s)}); }
inline Bytes close_frame(int code, std::string_view reason = "") {
  Bytes payload;
  if (code >= 0) payload = {static_cast<uint8_t>(code >> 8), static_cast<uint8_t>(code)};
  return frame({Opcode::kClose, payload + bytes_of(reason)});
}

// Everything that a parser told, as lines: "text:abc", "binary:…", "ping:…", "pong:…", "close:1000:reason".
class Recorder final : public FrameSink {
 public:
  std::vector<std::string> events;
  std::function<Flow(const std::string&)> answer = [](const std::string&) { return Flow::kContinue; };

  Flow on_message(const Message& m) override { return note(m.opcode == Opcode::kText ? "text:" : "binary:", m.data); }
  Flow on_control(Opcode op, std::span<const uint8_t> p) override {
    return note(op == Opcode::kPing ? "ping:" : "pong:", p);
  }
  Flow on_close(uint16_t code, std::span<const uint8_t> reason) override {
    return note("close:" + std::to_string(code) + ":", reason);
  }

 private:
  Flow note(std::string kind, std::span<const uint8_t> data) {
    kind.append(data.begin(), data.end());
    const Flow flow = answer(kind);
    if (flow != Flow::kPause) events.push_back(std::move(kind));
    return flow;
  }
};

struct Seen {
  std::vector<std::string> events;
  Errc error = Errc::kNone;
  int32_t close_code = 0;
  size_t consumed = 0;
  bool operator==(const Seen&) const = default;
};

// A receive ring of the given capacity that is fed `piece(i)` bytes at a time, as a session would.
inline Seen deliver(FrameParser& parser, const Bytes& input, size_t capacity, const std::function<size_t()>& piece,
                    Recorder& sink) {
  Seen seen;
  Bytes ring;
  size_t at = 0;
  while (true) {
    const size_t n = std::min({piece(), input.size() - at, capacity - ring.size()});
    ring.insert(ring.end(), input.begin() + static_cast<std::ptrdiff_t>(at),
                input.begin() + static_cast<std::ptrdiff_t>(at + n));
    at += n;
    // Exactly as much memory as there is data, so that AddressSanitizer sees a step beyond it.
    const auto exact = std::make_unique<uint8_t[]>(ring.size());
    std::copy(ring.begin(), ring.end(), exact.get());
    const ParseOutcome out = parser.feed({exact.get(), ring.size()}, capacity, sink);
    seen.consumed += out.consumed;
    ring.assign(exact.get() + out.consumed, exact.get() + ring.size());
    if (out.error) {
      seen.error = out.error.code;
      seen.close_code = out.error.detail;
      break;
    }
    if (out.flow == Flow::kPause) continue;
    if (at == input.size() && n == 0) break;
    if (ring.size() == capacity && out.consumed == 0) break;  // stuck
  }
  seen.events = sink.events;
  return seen;
}

}  // namespace tickwire::ws::test
