// What the tests of the wire format share: streams of frames, and a ring that shows them piece by piece.
#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "wire/frame_parser.h"
#include "wire/frame_writer.h"
#include "wire/tlv.h"

namespace tickwire::wire::testing {

using Bytes = std::vector<uint8_t>;

inline Bytes make_frame(const Header& fields, std::span<const uint8_t> payload) {
  Bytes frame(frame_room(payload.size()));
  frame.resize(write_frame(frame.data(), fields, payload));
  return frame;
}

inline Header header_of(Type type, uint16_t source, uint64_t sequence) {
  Header h;
  h.domain = Domain::kMarketData;
  h.type = static_cast<uint8_t>(type);
  h.source = source;
  h.sequence = sequence;
  h.time_ns = 1'700'000'000'000'000'000u + sequence;
  return h;
}

// A compact quote; prices follow from the sequence number.
inline Bytes make_quote(uint64_t sequence, uint32_t symbol = 1, uint16_t source = 1) {
  uint8_t payload[32] = {1, 30};
  uint8_t* value = payload + 2;
  store(value, symbol);
  value[4] = 2;
  value[5] = 3;
  store(value + 6, static_cast<int64_t>(10'000 + sequence));
  store(value + 14, int32_t{5});
  const uint64_t bid_size = 1'000 + sequence;
  const uint64_t ask_size = 2'000 + sequence;
  std::memcpy(value + 18, &bid_size, 6);
  std::memcpy(value + 24, &ask_size, 6);
  return make_frame(header_of(Type::kQuote, source, sequence), payload);
}

inline void append(Bytes& to, std::span<const uint8_t> more) { to.insert(to.end(), more.begin(), more.end()); }

// Takes down every frame as its bytes would be without mask and checksum.
class Recorder : public EachFrameSink {
 public:
  std::vector<Bytes> frames;
  // Consulted before each frame.
  virtual Flow answer() { return Flow::kContinue; }
  Flow on_frame(const Frame& frame) override {
    const Flow flow = answer();
    if (flow != Flow::kPause) frames.push_back(plain(frame));
    return flow;
  }
  static Bytes plain(const Frame& frame) {
    Header h = frame.header;
    h.flags = static_cast<uint8_t>(h.flags & ~kFlagMasked);
    h.length = static_cast<uint32_t>(frame.payload.size());
    h.crc = 0;
    Bytes bytes(kHeaderBytes);
    write_header(bytes.data(), h);
    append(bytes, frame.payload);
    return bytes;
  }
};

// A sealed frame in the form that Recorder keeps.
inline Bytes plain(Bytes frame) {
  Header h = read_header(frame.data());
  std::span<uint8_t> payload = std::span(frame).subspan(kHeaderBytes);
  if ((h.flags & kFlagMasked) != 0) payload = unmask(payload);
  return Recorder::plain({h, payload});
}

// Shows `stream` in pieces as a receive ring of `capacity` would, in memory of exactly the size that is shown.
// `piece(left)` says how many bytes come next (at least 1). Then finish().
template <class Piece>
void show(FrameParser& parser, std::span<const uint8_t> stream, size_t capacity, FrameSink& sink, Piece&& piece,
          bool finish = true) {
  Bytes ring;
  size_t at = 0;
  const auto parse = [&](bool last) {
    const auto exact = std::make_unique<uint8_t[]>(ring.size());
    std::copy(ring.begin(), ring.end(), exact.get());
    const std::span<uint8_t> in{exact.get(), ring.size()};
    const ParseOutcome out = last ? parser.finish(in, sink) : parser.feed(in, capacity, sink);
    if (out.consumed > ring.size()) std::abort();
    if (ring.size() == capacity && out.consumed == 0 && out.flow == Flow::kContinue) std::abort();  // stuck
    ring.assign(exact.get() + out.consumed, exact.get() + ring.size());
    return out.flow;
  };
  while (at < stream.size()) {
    const size_t n =
        std::min({std::max<size_t>(piece(stream.size() - at), 1), stream.size() - at, capacity - ring.size()});
    append(ring, stream.subspan(at, n));
    at += n;
    while (parse(false) == Flow::kPause) {
    }
  }
  while (finish && parse(true) == Flow::kPause) {
  }
  if (finish && !ring.empty()) std::abort();
}

}  // namespace tickwire::wire::testing
