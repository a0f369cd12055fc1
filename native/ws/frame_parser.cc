#include "ws/frame_parser.h"

#include <algorithm>
#include <cstring>

#include "ws/ascii.h"
#include "ws/byte_buffer.h"
#include "ws/deflate.h"
#include "ws/frame_writer.h"
#include "ws/utf8.h"

namespace tickwire::ws {
namespace {

constexpr size_t kKeepAssembly = 1u << 20;
// First bytes of messages in one frame, not compressed.
constexpr uint8_t kWholeText = 0x81;
constexpr uint8_t kWholeBinary = 0x82;

struct Header {
  Opcode opcode{};
  bool fin = false;
  bool rsv1 = false;
  bool masked = false;
  uint64_t length = 0;
  size_t size = 0;  // bytes of the header itself
  uint32_t key = 0;
};

constexpr bool is_control(uint8_t opcode) noexcept { return (opcode & 8u) != 0; }

constexpr bool known_opcode(uint8_t opcode) noexcept { return opcode <= 2 || (opcode >= 8 && opcode <= 10); }

uint64_t big_endian(const uint8_t* p, size_t n) noexcept {
  uint64_t v = 0;
  for (size_t i = 0; i < n; ++i) v = v << 8 | p[i];
  return v;
}

const char* explain(Errc code) noexcept {
  switch (code) {
    case Errc::kWsReservedBits:
      return "a reserved bit is set";
    case Errc::kWsOpcode:
      return "unknown opcode";
    case Errc::kWsControlFragmented:
      return "a control frame is fragmented";
    case Errc::kWsControlTooLong:
      return "a control frame has more than 125 bytes";
    case Errc::kWsUnexpectedContinuation:
      return "a continuation without a message";
    case Errc::kWsExpectedContinuation:
      return "a new message inside a fragmented one";
    case Errc::kWsMasked:
      return "the server masked a frame";
    case Errc::kWsNotMasked:
      return "the client did not mask a frame";
    case Errc::kWsLengthEncoding:
      return "a length is not encoded as short as possible, or has its top bit set";
    case Errc::kWsMessageTooLarge:
      return "a message exceeds the limit";
    case Errc::kWsTooManyFragments:
      return "a message has too many fragments";
    case Errc::kWsInvalidUtf8:
      return "text is not UTF-8";
    case Errc::kWsCloseCode:
      return "a close code that must not be sent";
    case Errc::kWsClosePayload:
      return "a close frame with one byte of payload";
    case Errc::kWsCompressedControl:
      return "a control frame is marked as compressed";
    case Errc::kNoMemory:
      return "no memory to assemble a message";
    default:
      return "protocol violation";
  }
}

}  // namespace

struct FrameParser::State {
  // A limit beyond any memory is no limit, but must leave room for sums.
  State(Role r, Limits l) : role(r), limits{std::min<uint64_t>(l.max_message, SIZE_MAX / 8), l.max_fragments} {}

  const Role role;
  const Limits limits;
  std::unique_ptr<Inflater> inflater;

  // The message that is being assembled.
  bool in_message = false;
  bool compressed = false;
  bool ready = false;  // complete, but not taken by the sink yet
  Opcode opcode = Opcode::kText;
  uint32_t fragments = 0;
  uint64_t wire_bytes = 0;  // payload of its frames so far, as sent
  Utf8Checker utf8;
  ByteBuffer assembly;

  // Payload bytes of the frame at the front of the ring that were unmasked and checked already, when it was shown
  // before it was whole or when it was refused.
  size_t front_done = 0;

  // The frame that is taken piece by piece.
  bool in_pieces = false;
  bool pieces_fin = false;
  bool pieces_masked = false;
  uint32_t pieces_key = 0;
  size_t pieces_phase = 0;
  uint64_t pieces_left = 0;

  bool closed = false;
  Error failure;

  // What became of a step; kMore: the frame at the front is not whole yet.
  enum class Step : uint8_t { kNext, kMore, kLeave };

  // One call of feed().
  struct Cursor {
    uint8_t* p;
    uint8_t* end;
    size_t capacity;
    FrameSink& sink;
    Flow flow = Flow::kContinue;
    [[nodiscard]] size_t left() const noexcept { return static_cast<size_t>(end - p); }
  };

  Step fail(Errc code, int32_t close_code) {
    failure = Error{code, close_code, explain(code)};
    return Step::kLeave;
  }

  static Step answer(Cursor& c, Flow flow) noexcept {
    c.flow = flow;
    return flow == Flow::kContinue ? Step::kNext : Step::kLeave;
  }

  // Unmasked (client role), unfragmented, uncompressed text or binary that is here as a whole: nearly every frame there
  // is. Anything that is not so, and every violation but bad UTF-8, is left to the general path.
  // Not inlined: its loop shares no registers with the general path then.
  [[gnu::noinline]] Step plain_frames(Cursor& c) {
    if (role != Role::kClient || in_message || front_done != 0) return Step::kMore;
    uint8_t* p = c.p;
    const uint64_t most = limits.max_message;
    const auto leave = [&](Step step) {
      c.p = p;
      return step;
    };
    for (;;) {
      const auto left = static_cast<size_t>(c.end - p);
      if (left < 4) return leave(Step::kMore);  // an empty one at the very end may take the other path
      const uint8_t first = p[0];
      if (first != kWholeText && first != kWholeBinary) return leave(Step::kMore);
      size_t length = p[1];
      size_t header = 2;
      if (length >= 126) {
        length = size_t{p[2]} << 8 | p[3];
        header = 4;
        if (p[1] != 126 || length < 126) return leave(Step::kMore);
      }
      if (length > left - header || length > most) return leave(Step::kMore);
      const std::span<const uint8_t> payload{p + header, length};
      if (first == kWholeText && !all_ascii(payload) && !valid_utf8(payload)) [[unlikely]]
        return leave(fail(Errc::kWsInvalidUtf8, kInvalidData));
      const Flow flow = c.sink.on_message({static_cast<Opcode>(first & 0x0F), payload});
      if (flow == Flow::kPause) {
        front_done = length;
        utf8.reset();
        return leave(answer(c, flow));
      }
      p += header + length;
      if (flow != Flow::kContinue) return leave(answer(c, flow));
    }
  }

  // Reads the header at the cursor and applies every rule that it alone can break. Changes nothing, so that the same
  // header may be looked at again when more of its frame has come.
  Step read_header(const Cursor& c, Header& h) {
    if (c.left() < 2) return Step::kMore;
    const uint8_t b0 = c.p[0];
    const uint8_t b1 = c.p[1];
    const uint8_t op = b0 & 0x0F;
    const uint8_t length = b1 & 0x7F;
    h.fin = (b0 & 0x80) != 0;
    h.rsv1 = (b0 & 0x40) != 0;
    h.masked = (b1 & 0x80) != 0;
    if ((b0 & 0x30) != 0 || (h.rsv1 && !inflater)) return fail(Errc::kWsReservedBits, kProtocolError);
    if (!known_opcode(op)) return fail(Errc::kWsOpcode, kProtocolError);
    h.opcode = static_cast<Opcode>(op);
    if (is_control(op)) {
      if (h.rsv1) return fail(Errc::kWsCompressedControl, kProtocolError);
      if (!h.fin) return fail(Errc::kWsControlFragmented, kProtocolError);
      if (length > 125) return fail(Errc::kWsControlTooLong, kProtocolError);
    } else if (h.opcode == Opcode::kContinuation) {
      if (!in_message) return fail(Errc::kWsUnexpectedContinuation, kProtocolError);
      if (h.rsv1) return fail(Errc::kWsReservedBits, kProtocolError);  // RFC 7692 section 6: on the first frame only
    } else if (in_message) {
      return fail(Errc::kWsExpectedContinuation, kProtocolError);
    }
    if (h.masked && role == Role::kClient) return fail(Errc::kWsMasked, kProtocolError);
    if (!h.masked && role == Role::kServer) return fail(Errc::kWsNotMasked, kProtocolError);

    const size_t extended = length < 126 ? 0 : length == 126 ? 2 : 8;
    h.size = 2 + extended + (h.masked ? 4 : 0);
    if (c.left() < 2 + extended) return Step::kMore;
    h.length = extended == 0 ? length : big_endian(c.p + 2, extended);
    if ((extended == 2 && h.length < 126) || (extended == 8 && (h.length < 65'536 || h.length >> 63 != 0))) {
      return fail(Errc::kWsLengthEncoding, kProtocolError);
    }
    if (!is_control(op)) {
      if (const Step limit = check_limits(h); limit != Step::kNext) return limit;
    }
    if (c.left() < h.size) return Step::kMore;
    if (h.masked) std::memcpy(&h.key, c.p + h.size - 4, 4);
    return Step::kNext;
  }

  // Refuses by what the header announces, before any of it is stored. A compressed message may be a little longer on
  // the wire than inflated (a deflate block of short codes grows by an eighth); more than that is only meant to keep us
  // busy.
  Step check_limits(const Header& h) {
    const bool packed = h.opcode == Opcode::kContinuation ? compressed : h.rsv1;
    const uint64_t most = packed ? limits.max_message + limits.max_message / 8 + 1024 : limits.max_message;
    const uint64_t before = h.opcode == Opcode::kContinuation ? wire_bytes : 0;
    if (h.length > most || before > most - h.length) return fail(Errc::kWsMessageTooLarge, kTooBig);
    const uint32_t frames = h.opcode == Opcode::kContinuation ? fragments : 0;
    if (frames >= limits.max_fragments) return fail(Errc::kWsTooManyFragments, kTooBig);
    return Step::kNext;
  }

  void begin_or_continue(const Header& h) noexcept {
    if (h.opcode != Opcode::kContinuation) {
      in_message = true;
      opcode = h.opcode;
      compressed = h.rsv1;
      fragments = 0;
      wire_bytes = 0;
      assembly.clear();
    }
    ++fragments;
    wire_bytes += h.length;
  }

  // Adds payload to the message. `checked`: its UTF-8 was checked while it lay in the ring.
  Step absorb(std::span<const uint8_t> payload, bool last, bool checked) {
    const size_t before = assembly.size();
    if (compressed) {
      const Result<void> inflated = inflater->inflate(payload, last, limits.max_message, assembly);
      if (!inflated.ok()) {
        failure = inflated.error();
        return Step::kLeave;
      }
    } else if (!assembly.append(payload, limits.max_message)) {
      return fail(Errc::kNoMemory, kTooBig);
    }
    if (opcode == Opcode::kText) {
      const bool fresh = compressed || !checked;
      if (fresh && !utf8.add(assembly.bytes().subspan(before))) return fail(Errc::kWsInvalidUtf8, kInvalidData);
      if (last && !utf8.complete()) return fail(Errc::kWsInvalidUtf8, kInvalidData);
    }
    if (last) ready = true;
    return Step::kNext;
  }

  // Offers the assembled message.
  Step offer(Cursor& c) {
    const Flow flow = c.sink.on_message({opcode, assembly.bytes()});
    if (flow != Flow::kPause) {
      ready = false;
      in_message = false;
      utf8.reset();
      assembly.clear_and_trim(kKeepAssembly);
    }
    return answer(c, flow);
  }

  Step pieces(Cursor& c) {
    if (c.left() == 0) return Step::kMore;
    const size_t n = pieces_left < c.left() ? static_cast<size_t>(pieces_left) : c.left();
    if (pieces_masked) {
      mask_copy(c.p, c.p, n, pieces_key, pieces_phase);
      pieces_phase = (pieces_phase + n) & 3;
    }
    const std::span<const uint8_t> piece{c.p, n};
    c.p += n;
    pieces_left -= n;
    in_pieces = pieces_left != 0;
    return absorb(piece, !in_pieces && pieces_fin, false);
  }

  Step data_frame(Cursor& c, const Header& h) {
    const bool first = h.opcode != Opcode::kContinuation;
    const bool text = (first ? h.opcode : opcode) == Opcode::kText;
    const bool packed = first ? h.rsv1 : compressed;
    const size_t here = c.left() - h.size;
    const bool whole = here >= h.length;
    if (first && front_done == 0) utf8.reset();
    if (!whole && h.length > c.capacity - h.size) {
      begin_or_continue(h);
      in_pieces = true;
      pieces_fin = h.fin;
      pieces_masked = h.masked;
      pieces_key = h.key;
      pieces_phase = 0;
      pieces_left = h.length;
      c.p += h.size;
      return Step::kNext;
    }

    uint8_t* const payload = c.p + h.size;
    const size_t n = whole ? static_cast<size_t>(h.length) : here;
    if (n > front_done) {
      uint8_t* const fresh = payload + front_done;
      if (h.masked) mask_copy(fresh, fresh, n - front_done, h.key, front_done);
      if (text && !packed && !utf8.add({fresh, n - front_done})) return fail(Errc::kWsInvalidUtf8, kInvalidData);
      front_done = n;
    }
    if (!whole) return Step::kMore;

    if (first && h.fin && !packed) {
      if (text && !utf8.complete()) return fail(Errc::kWsInvalidUtf8, kInvalidData);
      const Flow flow = c.sink.on_message({h.opcode, {payload, n}});
      if (flow != Flow::kPause) {
        c.p = payload + n;
        front_done = 0;
      }
      return answer(c, flow);
    }
    begin_or_continue(h);
    c.p = payload + n;
    front_done = 0;
    return absorb({payload, n}, h.fin, true);
  }

  Step control_frame(Cursor& c, const Header& h) {
    if (c.left() - h.size < h.length) return Step::kMore;
    uint8_t* const data = c.p + h.size;
    const std::span<const uint8_t> payload{data, static_cast<size_t>(h.length)};
    if (h.masked && front_done == 0) mask_copy(data, data, payload.size(), h.key);
    front_done = payload.size();
    Flow flow = Flow::kContinue;
    if (h.opcode == Opcode::kClose) {
      if (payload.size() == 1) return fail(Errc::kWsClosePayload, kProtocolError);
      uint16_t code = 1005;
      std::span<const uint8_t> reason;
      if (payload.size() >= 2) {
        code = static_cast<uint16_t>(big_endian(data, 2));
        reason = payload.subspan(2);
        if (!valid_close_code(code)) return fail(Errc::kWsCloseCode, kProtocolError);
        if (!valid_utf8(reason)) return fail(Errc::kWsInvalidUtf8, kInvalidData);
      }
      flow = c.sink.on_close(code, reason);
      if (flow != Flow::kPause) {
        closed = true;
        flow = Flow::kStop;
      }
    } else {
      flow = c.sink.on_control(h.opcode, payload);
    }
    if (flow != Flow::kPause) {
      c.p = data + payload.size();
      front_done = 0;
    }
    return answer(c, flow);
  }

  Step step(Cursor& c) {
    if (ready) return offer(c);
    if (in_pieces) return pieces(c);
    if (const Step fast = plain_frames(c); fast == Step::kLeave) return fast;
    Header h;
    if (const Step read = read_header(c, h); read != Step::kNext) return read;
    return is_control(static_cast<uint8_t>(h.opcode)) ? control_frame(c, h) : data_frame(c, h);
  }
};

FrameParser::FrameParser(Role role, Limits limits) : s_(std::make_unique<State>(role, limits)) {}
FrameParser::~FrameParser() = default;

void FrameParser::set_inflater(std::unique_ptr<Inflater> inflater) { s_->inflater = std::move(inflater); }

ParseOutcome FrameParser::feed(std::span<uint8_t> in, size_t in_capacity, FrameSink& sink) {
  State& s = *s_;
  ParseOutcome out;
  if (s.failure) {
    out.error = s.failure;
    return out;
  }
  if (s.closed) {
    out.consumed = in.size();
    out.flow = Flow::kStop;
    return out;
  }
  State::Cursor c{in.data(), in.data() + in.size(), in_capacity < kMinCapacity ? kMinCapacity : in_capacity, sink};
  while (s.step(c) == State::Step::kNext) {
  }
  out.consumed = static_cast<size_t>(c.p - in.data());
  out.flow = c.flow;
  if (s.failure) out.error = s.failure;
  return out;
}

void FrameParser::reset() {
  auto fresh = std::make_unique<State>(s_->role, s_->limits);
  fresh->assembly = std::move(s_->assembly);
  fresh->assembly.clear_and_trim(kKeepAssembly);
  s_ = std::move(fresh);
}

size_t FrameParser::assembled_bytes() const noexcept { return s_->assembly.capacity(); }

}  // namespace tickwire::ws
