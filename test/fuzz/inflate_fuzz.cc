// Any bytes as the payload of compressed messages: never more output than allowed, the same output however the payload
// is cut into fragments; and what our own deflater makes of them comes back unchanged.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "ws/deflate.h"

namespace {

using namespace tickwire;
using namespace tickwire::ws;

bool same(const ByteBuffer& a, std::span<const uint8_t> b) {
  return a.size() == b.size() && (b.empty() || std::memcmp(a.data(), b.data(), b.size()) == 0);
}

void check_inflate(int bits, bool takeover, size_t limit, size_t cut, std::span<const uint8_t> payload) {
  auto one = Inflater::create(bits, takeover);
  auto two = Inflater::create(bits, takeover);
  if (!one.ok() || !two.ok()) std::abort();
  ByteBuffer whole;
  ByteBuffer pieces;
  // Two messages, so that the second meets the state that the first left.
  for (int message = 0; message < 2; ++message) {
    whole.clear();
    pieces.clear();
    const Result<void> a = one.value()->inflate(payload, true, limit, whole);
    Result<void> b;
    size_t at = 0;
    do {
      const size_t n = std::min(cut, payload.size() - at);
      at += n;
      b = two.value()->inflate(payload.subspan(at - n, n), at == payload.size(), limit, pieces);
    } while (b.ok() && at < payload.size());
    if (whole.size() > limit + 1 || whole.capacity() > std::max<size_t>(limit + 1, 1024)) std::abort();
    // Inside one call zlib looks back into all of its output, even beyond a window that is smaller than the largest. A
    // sender that breaks the agreed window is therefore found out only when a fragment lies between.
    if (a.ok() && !b.ok() && bits < 15) return;
    if (a.ok() != b.ok()) std::abort();
    if (!a.ok()) return;
    if (whole.size() > limit || !same(whole, pieces.bytes())) std::abort();
  }
}

void check_round_trip(int bits, bool takeover, int level, std::span<const uint8_t> text) {
  auto deflater = Deflater::create(bits, takeover, level);
  auto inflater = Inflater::create(bits, takeover);
  if (!deflater.ok() || !inflater.ok()) std::abort();
  ByteBuffer packed;
  ByteBuffer back;
  for (int message = 0; message < 2; ++message) {
    if (!deflater.value()->deflate(text, packed).ok()) std::abort();
    back.clear();
    if (!inflater.value()->inflate(packed.bytes(), true, text.size(), back).ok() || !same(back, text)) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  const int bits = 8 + data[0] % 8;
  const bool takeover = (data[0] & 8) != 0;
  const size_t limit = (data[0] & 16) != 0 ? 100 : 1u << 18;
  const size_t cut = 1 + data[1] % 64;
  const std::span<const uint8_t> payload{data + 2, size - 2};
  check_inflate(bits, takeover, limit, cut, payload);
  check_round_trip(bits, takeover, data[1] % 10, payload);
  return 0;
}
