// The law of resynchronisation: whatever is done to a stream of frames, every frame whose bytes were not touched comes
// out, in order, and no frame that was not sent ever does. (One may come out twice: bytes lost between two that begin
// alike, or a copied part next to what it is a part of, can leave a whole one.)
#include <doctest/doctest.h>

#include "wire_stream.h"

using namespace tickwire;
using namespace tickwire::wire;
using namespace tickwire::wire::testing;

namespace {

using Random = std::mt19937_64;

size_t below(Random& random, size_t n) { return n == 0 ? 0 : static_cast<size_t>(random() % n); }

Bytes random_bytes(Random& random, size_t n) {
  Bytes bytes(n);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

Bytes any_frame(Random& random, uint64_t sequence) {
  const auto source = static_cast<uint16_t>(1 + below(random, 3));
  switch (below(random, 8)) {
    case 0:
      return make_frame(header_of(Type::kRaw, source, sequence), random_bytes(random, below(random, 40)));
    case 1:
      return make_frame(header_of(Type::kBookDelta, source, sequence), random_bytes(random, below(random, 3000)));
    case 2: {  // a recording: content made of frames
      Bytes inner;
      for (size_t i = below(random, 5); i > 0; --i) append(inner, make_quote(random() % 1000));
      return make_frame(header_of(Type::kRaw, source, sequence), inner);
    }
    case 3:  // beginnings of frames everywhere
    {
      Bytes starts;
      for (size_t i = below(random, 60); i > 0; --i) append(starts, Bytes{0x54, 0x57, 0x01});
      return make_frame(header_of(Type::kRaw, source, sequence), starts);
    }
    case 4: {  // a header that holds the start of a frame itself
      Header h = header_of(Type::kTrade, source, 0x015754);
      h.time_ns = sequence;
      return make_frame(h, random_bytes(random, below(random, 100)));
    }
    default:
      return make_quote(sequence, static_cast<uint32_t>(below(random, 5)), source);
  }
}

// Bytes such as a fault may bring: anything, zeros, or parts of frames.
Bytes junk(Random& random, const std::vector<Bytes>& frames) {
  switch (below(random, 4)) {
    case 0:
      return Bytes(below(random, 100), 0);
    case 1: {
      const Bytes& frame = frames[below(random, frames.size())];
      const size_t n = below(random, frame.size());  // never the whole of it
      const size_t from = below(random, frame.size() - n);
      return {frame.begin() + static_cast<std::ptrdiff_t>(from), frame.begin() + static_cast<std::ptrdiff_t>(from + n)};
    }
    case 2: {
      Bytes start = {0x54, 0x57, 0x01, 1, 1, 0, 1, 0};
      append(start, random_bytes(random, below(random, 40)));
      return start;
    }
    default:
      return random_bytes(random, below(random, 100));
  }
}

// A stream whose every byte knows which frame it came from.
struct Marked {
  Bytes bytes;
  std::vector<int32_t> owner;  // -1: of no frame
};

void damage(Random& random, Marked& m, const std::vector<Bytes>& frames) {
  const size_t at = below(random, m.bytes.size() + 1);
  const auto here = [at](auto& v) { return v.begin() + static_cast<std::ptrdiff_t>(at); };
  switch (below(random, 4)) {
    case 0:  // bits
      for (size_t i = 0, n = 1 + below(random, 4); i < n && at + i < m.bytes.size(); ++i) {
        m.bytes[at + i] ^= static_cast<uint8_t>(1u << below(random, 8));
        m.owner[at + i] = -1;
      }
      break;
    case 1: {  // overwritten
      const Bytes over = junk(random, frames);
      for (size_t i = 0; i < over.size() && at + i < m.bytes.size(); ++i) {
        m.bytes[at + i] = over[i];
        m.owner[at + i] = -1;
      }
      break;
    }
    case 2: {  // inserted
      const Bytes more = junk(random, frames);
      m.bytes.insert(here(m.bytes), more.begin(), more.end());
      m.owner.insert(here(m.owner), more.size(), -1);
      break;
    }
    default: {  // lost
      const size_t n = std::min(below(random, below(random, 4) == 0 ? 3000 : 90), m.bytes.size() - at);
      m.bytes.erase(here(m.bytes), here(m.bytes) + static_cast<std::ptrdiff_t>(n));
      m.owner.erase(here(m.owner), here(m.owner) + static_cast<std::ptrdiff_t>(n));
      break;
    }
  }
}

// The frames that are still there as they were: all their bytes, next to each other. A frame that damage put back
// together (a flipped bit flipped again, a copy completed by chance) counts as there.
std::vector<Bytes> untouched(const Marked& m, const std::vector<Bytes>& frames) {
  std::vector<Bytes> there;
  for (size_t i = 0; i < frames.size(); ++i) {
    const auto first = std::find(m.owner.begin(), m.owner.end(), static_cast<int32_t>(i));
    const auto n = static_cast<std::ptrdiff_t>(frames[i].size());
    if (m.owner.end() - first < n) continue;
    if (std::all_of(first, first + n, [i](int32_t o) { return o == static_cast<int32_t>(i); })) {
      const auto at = m.bytes.begin() + (first - m.owner.begin());
      if (std::equal(frames[i].begin(), frames[i].end(), at)) there.push_back(plain(frames[i]));
    }
  }
  return there;
}

bool is_subsequence(const std::vector<Bytes>& part, const std::vector<Bytes>& whole) {
  size_t at = 0;
  for (const Bytes& each : part) {
    while (at < whole.size() && whole[at] != each) ++at;
    if (at++ == whole.size()) return false;
  }
  return true;
}

bool only_of(const std::vector<Bytes>& some, const std::vector<Bytes>& all) {
  return std::all_of(some.begin(), some.end(),
                     [&all](const Bytes& each) { return std::find(all.begin(), all.end(), each) != all.end(); });
}

class Moody final : public Recorder {
 public:
  explicit Moody(Random& random) : random_(random) {}
  Flow answer() override { return below(random_, 6) == 0 ? Flow::kPause : Flow::kContinue; }

 private:
  Random& random_;
};

void one_world(uint64_t seed) {
  CAPTURE(seed);
  Random random(seed);
  std::vector<Bytes> frames;
  Marked m;
  for (uint64_t i = 0, n = 2 + below(random, 30); i < n; ++i) {
    frames.push_back(any_frame(random, i + 1));
    append(m.bytes, frames.back());
    m.owner.resize(m.bytes.size(), static_cast<int32_t>(i));
  }
  std::vector<Bytes> all;
  for (const Bytes& frame : frames) all.push_back(plain(frame));
  for (size_t i = 1 + below(random, 4); i > 0; --i) damage(random, m, frames);
  const std::vector<Bytes> expected = untouched(m, frames);

  const size_t capacity = 8192;
  FrameParser whole;
  Recorder at_once;
  show(whole, m.bytes, 1u << 20, at_once, [](size_t) { return SIZE_MAX; });
  CHECK(is_subsequence(expected, at_once.frames));
  CHECK(only_of(at_once.frames, all));

  FrameParser parser;
  Moody sink(random);
  const size_t largest = 1 + below(random, 300);
  show(parser, m.bytes, capacity, sink, [&](size_t) { return 1 + below(random, largest); });
  CHECK(sink.frames == at_once.frames);
  const ParserCounters& c = parser.counters();
  CHECK(c.frames == sink.frames.size());
  uint64_t bytes = c.skipped_bytes;
  for (const Bytes& frame : sink.frames) {
    const auto found = std::find(all.begin(), all.end(), frame);
    if (found != all.end()) bytes += frames[static_cast<size_t>(found - all.begin())].size();
  }
  CHECK(bytes == m.bytes.size());  // every byte is accounted for
}

}  // namespace

TEST_CASE("wire resynchronisation: random damage anywhere") {
  for (uint64_t seed = 1; seed <= 5'000; ++seed) one_world(seed);
}

TEST_CASE("wire resynchronisation: every cut, every lost and every doubled byte of a short stream") {
  Bytes stream;
  std::vector<Bytes> all;
  std::vector<std::pair<size_t, size_t>> places;
  const auto add = [&](const Bytes& frame) {
    places.emplace_back(stream.size(), frame.size());
    append(stream, frame);
    all.push_back(plain(frame));
  };
  add(make_quote(1));
  add(make_frame(header_of(Type::kRaw, 1, 2), Bytes{1, 2, 3}));
  add(make_quote(3));
  add(make_frame(header_of(Type::kRaw, 1, 4), make_quote(9)));
  add(make_quote(5));
  const auto run = [&](const Bytes& bytes) {
    FrameParser parser;
    Recorder sink;
    show(parser, bytes, 1u << 16, sink, [](size_t) { return SIZE_MAX; });
    return sink.frames;
  };
  for (size_t from = 0; from < stream.size(); ++from) {
    for (const size_t n : {size_t{1}, size_t{2}, size_t{7}, size_t{32}, size_t{64}, size_t{100}}) {
      const size_t to = std::min(from + n, stream.size());
      Bytes lost = stream;
      lost.erase(lost.begin() + static_cast<std::ptrdiff_t>(from), lost.begin() + static_cast<std::ptrdiff_t>(to));
      std::vector<Bytes> expected;
      for (size_t i = 0; i < all.size(); ++i) {
        if (places[i].first + places[i].second <= from || places[i].first >= to) expected.push_back(all[i]);
      }
      const std::vector<Bytes> seen = run(lost);
      CHECK(is_subsequence(expected, seen));
      CHECK(only_of(seen, all));
      CHECK(seen.size() <= expected.size() + 1);  // at most what the two ends join to
      Bytes doubled = stream;
      doubled.insert(doubled.begin() + static_cast<std::ptrdiff_t>(to),
                     stream.begin() + static_cast<std::ptrdiff_t>(from),
                     stream.begin() + static_cast<std::ptrdiff_t>(to));
      CHECK(only_of(run(doubled), all));
      // Nothing was taken away but what the copy tore apart.
      CHECK(run(doubled).size() >= all.size() - 1);
    }
  }
}
