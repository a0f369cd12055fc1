#include "ws/deflate.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "ws/close_code.h"

namespace tickwire::ws {
namespace {

constexpr uint8_t kTail[4] = {0x00, 0x00, 0xFF,
                              0xFF};  // what the sender of a message leaves off (RFC 7692 section 7.2.1)
constexpr size_t kWindow = 32'768;

// Payloads up to this are copied next to their tail: one call of inflate() instead of two.
constexpr size_t kJoinTail = 2048;

// A sender may end a message with a final block, after which the next data is a new stream. Each costs us a copy of the
// window, so a message made of nothing else is refused.
constexpr uint32_t kMaxStreamsPerMessage = 64;

// zlib counts input in 32 bits.
constexpr size_t kMaxStep = std::numeric_limits<uInt>::max() / 2;

Error inflate_error(const char* text) { return Error{Errc::kWsInflate, kInvalidData, text}; }

}  // namespace

struct Inflater::State {
  z_stream zs{};
  bool live = false;
  bool context_takeover = true;
  uint32_t streams = 0;  // that ended inside the present message
  int position =
      0;  // z_stream::data_type after the last call that did something: Node's zlib clears it in one that does not

  ~State() {
    if (live) inflateEnd(&zs);
  }

  // The next stream of the same message goes on with the window of the one that ended.
  bool next_stream() noexcept {
    Bytef window[kWindow];
    uInt size = 0;
    if (inflateGetDictionary(&zs, window, &size) != Z_OK || inflateReset(&zs) != Z_OK) return false;
    return size == 0 || inflateSetDictionary(&zs, window, size) == Z_OK;
  }

  enum class End : uint8_t { kInput, kStream, kTooLarge, kBad, kNoMemory };

  // Inflates until the input set in zs is used up or a stream ends.
  End run(size_t most, ByteBuffer& out) noexcept {
    for (;;) {
      if (out.size() == out.capacity() && !out.reserve(out.size() + 1, most)) return End::kNoMemory;
      const size_t room = std::min({out.capacity() - out.size(), most - out.size(), kMaxStep});
      zs.next_out = out.data() + out.size();
      zs.avail_out = static_cast<uInt>(room);
      const int ret = ::inflate(&zs, Z_SYNC_FLUSH);
      if (ret != Z_BUF_ERROR) position = zs.data_type;
      out.set_size(out.size() + room - zs.avail_out);
      if (out.size() == most) return End::kTooLarge;
      if (ret == Z_STREAM_END) return End::kStream;
      if (ret == Z_MEM_ERROR) return End::kNoMemory;
      if (ret != Z_OK && ret != Z_BUF_ERROR) return End::kBad;
      if (zs.avail_out != 0) return End::kInput;  // it stopped for want of input
    }
  }
};

Inflater::Inflater(std::unique_ptr<State> state) noexcept : s_(std::move(state)) {}
Inflater::~Inflater() = default;

Result<std::unique_ptr<Inflater>> Inflater::create(int window_bits, bool context_takeover) {
  if (window_bits < 8 || window_bits > 15) return Error{Errc::kHandshakeExtension, 0, "window bits out of range"};
  auto state = std::make_unique<State>();
  state->context_takeover = context_takeover;
  const int ret = inflateInit2(&state->zs, -window_bits);
  if (ret == Z_MEM_ERROR) return Error{Errc::kNoMemory, 0, "inflateInit2"};
  if (ret != Z_OK) return Error{Errc::kWsInflate, 0, "inflateInit2 failed"};
  state->live = true;
  return std::unique_ptr<Inflater>(new Inflater(std::move(state)));
}

Result<void> Inflater::inflate(std::span<const uint8_t> in, bool last, size_t max_size, ByteBuffer& out) {
  State& s = *s_;
  if (out.size() > max_size) return Error{Errc::kWsMessageTooLarge, kTooBig, "a message exceeds the limit"};
  const size_t most = std::min(max_size, SIZE_MAX / 8) + 1;  // one byte beyond proves that there is too much
  uint8_t joined[kJoinTail + sizeof kTail];
  bool tail_due = last;
  size_t tail_in_input = 0;
  if (last && in.size() <= kJoinTail) {
    if (!in.empty()) std::memcpy(joined, in.data(), in.size());
    std::memcpy(joined + in.size(), kTail, sizeof kTail);
    in = {joined, in.size() + sizeof kTail};
    tail_due = false;
    tail_in_input = sizeof kTail;
  }

  bool ended = false;  // the stream ended exactly where the message does
  while (!in.empty() || tail_due) {
    if (in.empty()) {
      in = kTail;
      tail_due = false;
      tail_in_input = sizeof kTail;
    }
    const size_t given = std::min(in.size(), kMaxStep);
    s.zs.next_in = const_cast<Bytef*>(in.data());  // zlib's input is not const in every version; it is only read
    s.zs.avail_in = static_cast<uInt>(given);
    const State::End end = s.run(most, out);
    in = in.subspan(given - s.zs.avail_in);
    switch (end) {
      case State::End::kInput:
        if (s.zs.avail_in != 0) return inflate_error("inflate made no progress");
        break;
      case State::End::kStream:
        if (++s.streams > kMaxStreamsPerMessage) return inflate_error("too many final blocks in one message");
        if (!s.next_stream()) return inflate_error("inflateReset failed");
        // Some senders leave off the empty block that belongs behind a final one; then the tail has nothing to
        // complete.
        if (last && in.size() == tail_in_input) {
          ended = true;
          in = {};
          tail_due = false;
        }
        break;
      case State::End::kTooLarge:
        return Error{Errc::kWsMessageTooLarge, kTooBig, "a message exceeds the limit when inflated"};
      case State::End::kNoMemory:
        return Error{Errc::kNoMemory, kTooBig, "no memory to inflate a message"};
      case State::End::kBad:
        return inflate_error(s.zs.msg != nullptr ? s.zs.msg : "bad deflate data");
    }
  }
  if (!last) return {};
  // zlib tells where it stands: bit 7 between blocks, the low bits the number of unused bits of the last byte.
  constexpr int kBetweenBlocks = 128;
  constexpr int kUnusedBits = 63;
  if (!ended && ((s.position & kBetweenBlocks) == 0 || (s.position & kUnusedBits) != 0)) {
    return inflate_error("the compressed message is truncated");
  }
  s.streams = 0;
  if (!s.context_takeover && inflateReset(&s.zs) != Z_OK) return inflate_error("inflateReset failed");
  return {};
}

void Inflater::reset() {
  s_->streams = 0;
  // Fails only on a stream that was never made, which create() does not hand out.
  static_cast<void>(inflateReset(&s_->zs));
}

struct Deflater::State {
  z_stream zs{};
  bool live = false;
  bool context_takeover = true;
  ~State() {
    if (live) deflateEnd(&zs);
  }
};

Deflater::Deflater(std::unique_ptr<State> state) noexcept : s_(std::move(state)) {}
Deflater::~Deflater() = default;

Result<std::unique_ptr<Deflater>> Deflater::create(int window_bits, bool context_takeover, int level) {
  if (window_bits < 8 || window_bits > 15) return Error{Errc::kHandshakeExtension, 0, "window bits out of range"};
  if (level < 0 || level > 9) return Error{Errc::kHandshakeExtension, 0, "compression level out of range"};
  auto state = std::make_unique<State>();
  state->context_takeover = context_takeover;
  // zlib has no raw window of 256 bytes. Matches at distance one fit into any window, so with 8 bits only those are
  // made.
  const int bits = std::max(window_bits, 9);
  const int strategy = window_bits == 8 ? Z_RLE : Z_DEFAULT_STRATEGY;
  constexpr int kMemLevel = 8;
  const int ret = deflateInit2(&state->zs, level, Z_DEFLATED, -bits, kMemLevel, strategy);
  if (ret == Z_MEM_ERROR) return Error{Errc::kNoMemory, 0, "deflateInit2"};
  if (ret != Z_OK) return Error{Errc::kHandshakeExtension, 0, "deflateInit2 failed"};
  state->live = true;
  return std::unique_ptr<Deflater>(new Deflater(std::move(state)));
}

Result<void> Deflater::deflate(std::span<const uint8_t> in, ByteBuffer& out) {
  z_stream& zs = s_->zs;
  out.clear();
  if (in.size() > std::numeric_limits<uInt>::max())
    return Error{Errc::kWsMessageTooLarge, kTooBig, "too long to compress"};
  if (in.empty()) {  // zlib does not flush twice in a row; RFC 7692 section 7.2.3.6 says what an empty message is
    constexpr uint8_t kEmpty[1] = {0x00};
    if (!out.append(kEmpty)) return Error{Errc::kNoMemory, 0, "no memory to compress"};
    return {};
  }
  constexpr size_t kFlushRoom = 32;
  if (!out.reserve(deflateBound(&zs, static_cast<uLong>(in.size())) + kFlushRoom)) {
    return Error{Errc::kNoMemory, 0, "no memory to compress"};
  }
  zs.next_in = const_cast<Bytef*>(in.data());
  zs.avail_in = static_cast<uInt>(in.size());
  for (;;) {
    const size_t room = std::min(out.capacity() - out.size(), kMaxStep);
    zs.next_out = out.data() + out.size();
    zs.avail_out = static_cast<uInt>(room);
    const int ret = ::deflate(&zs, Z_SYNC_FLUSH);
    out.set_size(out.size() + room - zs.avail_out);
    if (ret != Z_OK && ret != Z_BUF_ERROR) return Error{Errc::kSystem, 0, "deflate failed"};
    if (zs.avail_out != 0) break;
    if (!out.reserve(out.size() + kFlushRoom)) return Error{Errc::kNoMemory, 0, "no memory to compress"};
  }
  if (out.size() < sizeof kTail || std::memcmp(out.data() + out.size() - sizeof kTail, kTail, sizeof kTail) != 0) {
    return Error{Errc::kSystem, 0, "deflate did not flush"};
  }
  out.set_size(out.size() - sizeof kTail);
  if (!s_->context_takeover && deflateReset(&zs) != Z_OK) return Error{Errc::kSystem, 0, "deflateReset failed"};
  return {};
}

}  // namespace tickwire::ws
