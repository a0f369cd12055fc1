#include "hub/inbound.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "hub/broadcast_loop.h"
#include "hub/notices.h"
#include "ws/frame_writer.h"

namespace tickwire::hub {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr size_t kReadTurnBytes = 256 * 1024;  // per connection and turn
// Answers that a client has not taken; with more it is not read from, so that nobody makes us keep what he does not
// want.
constexpr size_t kMaxAnswers = 64 * 1024;

}  // namespace

size_t Inbound::max_frame() const noexcept {
  return std::max(loop_.options().inbound.max_message + std::max(ws::kMaxFrameHeader, wire::kHeaderBytes),
                  std::max(ws::FrameParser::kMinCapacity, wire::FrameParser::kMinCapacity));
}

bool Inbound::prepare_buffer(size_t kept) {
  buffer_.set_size(0);
  return buffer_.reserve(std::max(kept, max_frame()) + kReadBytes);
}

bool Inbound::answers_pile_up(const Subscriber& s) const noexcept { return s.blocked && s.out.size() > kMaxAnswers; }

void Inbound::resume(Subscriber& s) {
  if (s.open() && std::exchange(s.more->unread, false)) loop_.loop().resume_later(*s.more);
}

void Inbound::received(Subscriber& s, std::span<const uint8_t> bytes) {
  if (bytes.empty()) return;
  if (!prepare_buffer(bytes.size())) return loop_.finish(s, Error{Errc::kNoMemory, 0, "no memory to read"}, false);
  std::memcpy(buffer_.data(), bytes.data(), bytes.size());
  parse(s, bytes.size());
}

void Inbound::read(Subscriber& s) {
  Connection& c = *s.more;
  if (c.reading) return;
  size_t budget = kReadTurnBytes;
  while (s.open()) {
    if (answers_pile_up(s)) {
      c.unread = true;
      return;
    }
    if (!prepare_buffer(c.rest.size())) {
      return loop_.finish(s, Error{Errc::kNoMemory, 0, "no memory to read"}, false);
    }
    const size_t kept = c.rest.size();
    if (kept != 0) std::memcpy(buffer_.data(), c.rest.data(), kept);
    int64_t stamp = 0;
    const IoResult io = c.stream->read({buffer_.data() + kept, kReadBytes}, stamp);
    switch (io.status) {
      case IoStatus::kAgain:
        // TLS may have had to answer something itself.
        if (FrameOutput::stream_owes(s) && !s.blocked) loop_.delivery().serve(s);
        return;
      case IoStatus::kEof: {
        const bool clean =
            s.phase == Phase::kGoodbye && s.out.empty() && (c.peer_said_goodbye || s.lane == Lane::kWire);
        const bool ours = s.phase == Phase::kGoodbye || c.peer_said_goodbye;
        return loop_.finish(s, ours ? c.why : Error{Errc::kEof, 0, "the client ended the connection"}, clean);
      }
      case IoStatus::kError:
        return loop_.finish(s, s.phase == Phase::kGoodbye ? c.why : io.error, false);
      case IoStatus::kOk:
        break;
    }
    c.heard = true;
    loop_.tally().received_bytes.add(io.bytes);
    parse(s, kept + io.bytes);
    if (!s.open()) return;
    if (io.bytes >= budget) return loop_.loop().resume_later(c);
    budget -= io.bytes;
    // A plain socket that gave less than was asked for is empty, and whatever comes now raises a new edge.
    if (!s.tls && io.bytes < kReadBytes && !c.end_seen) return;
  }
}

void Inbound::parse(Subscriber& s, size_t size) {
  Connection& c = *s.more;
  const std::span<uint8_t> bytes{buffer_.data(), size};
  size_t consumed = 0;
  c.reading = true;
  reading_ = &s;
  if (c.peer_said_goodbye) {
    consumed = size;
  } else if (s.lane == Lane::kWire) {
    parse_wire(s, bytes, consumed);
  } else {
    parse_websocket(s, bytes, consumed);
  }
  reading_ = nullptr;
  c.reading = false;
  if (!s.open()) return;
  c.rest.assign(bytes.begin() + static_cast<std::ptrdiff_t>(consumed), bytes.end());
  if (c.rest.empty()) c.rest.shrink_to_fit();
}

void Inbound::parse_websocket(Subscriber& s, std::span<uint8_t> bytes, size_t& consumed) {
  Connection& c = *s.more;
  if (!c.parser) {
    const ws::Limits limits{loop_.options().inbound.max_message, 64};
    c.parser = std::make_unique<ws::FrameParser>(ws::Role::kServer, limits);
    if (c.deflate) {
      auto inflater = ws::Inflater::create(c.deflate->client_max_window_bits, !c.deflate->client_no_context_takeover);
      if (!inflater.ok()) return loop_.finish(s, inflater.error(), false);
      c.parser->set_inflater(std::move(inflater.value()));
    }
  }
  // A frame that was refused in the middle of a batch comes back with the rest.
  const ws::ParseOutcome outcome = c.parser->feed(bytes, max_frame(), *this);
  consumed = outcome.consumed;
  if (!s.open() || !outcome.error) return;
  consumed = bytes.size();
  violate(s, static_cast<uint16_t>(outcome.error.detail), outcome.error);
}

void Inbound::parse_wire(Subscriber& s, std::span<uint8_t> bytes, size_t& consumed) {
  Connection& c = *s.more;
  if (!c.wire_parser) {
    c.wire_parser = std::make_unique<wire::FrameParser>(static_cast<uint32_t>(loop_.options().inbound.max_message));
  }
  const wire::ParseOutcome outcome = c.wire_parser->feed(bytes, max_frame(), *this);
  consumed = outcome.consumed;
  // Damage on a TCP connection means a peer that does not speak the format.
  if (s.open() && c.wire_parser->counters().skipped_bytes != 0) {
    consumed = bytes.size();
    violate(s, 1002, Error{Errc::kHubRequest, 1002, "not a wire frame"});
  }
}

ws::Flow Inbound::after(const Subscriber& s) const noexcept { return s.open() ? ws::Flow::kContinue : ws::Flow::kStop; }

ws::Flow Inbound::on_message(const ws::Message& message) {
  Subscriber& s = *reading_;
  if (s.phase == Phase::kGoodbye) return ws::Flow::kContinue;  // said before it knew
  if (!within_limits(s, message.data.size())) return ws::Flow::kStop;
  if (s.lane == Lane::kWsWire) {
    if (message.opcode == ws::Opcode::kBinary) {
      on_wire_bytes(message.data);
    } else {
      violate(s, 1003, Error{Errc::kHubRequest, 1003, "a text message on a binary connection"});
    }
    return after(s);
  }
  if (message.opcode == ws::Opcode::kText && requests_.handle(s, message.data)) return after(s);
  if (loop_.options().forward_messages) {
    loop_.listener().on_message(s.more->id, message.opcode, message.data);
  } else {
    requests_.reject(s);
  }
  return after(s);
}

ws::Flow Inbound::on_control(ws::Opcode opcode, std::span<const uint8_t> payload) {
  Subscriber& s = *reading_;
  if (s.phase == Phase::kGoodbye) return ws::Flow::kContinue;
  if (!within_limits(s, payload.size())) return ws::Flow::kStop;
  // A pong is owed at once, but not to those who do not take what is sent.
  if (opcode == ws::Opcode::kPing && !answers_pile_up(s)) {
    uint8_t frame[ws::kMaxFrameHeader + 125];
    const size_t header = ws::write_frame_header(frame, ws::Opcode::kPong, true, false, payload.size(), nullptr);
    std::copy(payload.begin(), payload.end(), frame + header);
    loop_.delivery().tell(s, {frame, header + payload.size()});
  }
  return after(s);
}

ws::Flow Inbound::on_close(uint16_t code, std::span<const uint8_t> reason) {
  Subscriber& s = *reading_;
  loop_.farewell().answer(s, code, Error{Errc::kWsClosed, code, std::string(reason.begin(), reason.end())});
  return ws::Flow::kStop;
}

// One binary message holds one or more whole frames.
void Inbound::on_wire_bytes(std::span<const uint8_t> bytes) {
  Subscriber& s = *reading_;
  wire::FrameParser parser(static_cast<uint32_t>(loop_.options().inbound.max_message));
  // The parser takes masks off in place; the message lies in the read buffer or the assembly memory, both ours.
  const std::span<uint8_t> writable{const_cast<uint8_t*>(bytes.data()), bytes.size()};
  const wire::ParseOutcome outcome = parser.finish(writable, *this);
  if (!s.open() || (outcome.consumed == bytes.size() && parser.counters().skipped_bytes == 0)) return;
  if (s.phase == Phase::kOpen) violate(s, 1002, Error{Errc::kHubRequest, 1002, "not a wire frame"});
}

wire::Flow Inbound::on_frame(const wire::Frame& frame) {
  Subscriber& s = *reading_;
  if (s.phase == Phase::kGoodbye) return wire::Flow::kContinue;
  if (s.lane == Lane::kWire && !within_limits(s, frame.payload.size())) return wire::Flow::kStop;
  wire_requests_.handle(s, frame);
  return s.open() && s.phase != Phase::kGoodbye ? wire::Flow::kContinue : wire::Flow::kStop;
}

bool Inbound::within_limits(Subscriber& s, size_t bytes) {
  Connection& c = *s.more;
  const InboundOptions& limits = loop_.options().inbound;
  loop_.tally().received.add();
  const int64_t now = loop_.loop().now_ns();
  const double elapsed = static_cast<double>(now - c.refilled_ns) * 1e-9;
  c.refilled_ns = now;
  const double messages = limits.messages_per_second;
  const auto rate = static_cast<double>(limits.bytes_per_second);
  // A message of the largest size must be possible at any rate.
  const double burst = std::max(rate, static_cast<double>(limits.max_message));
  if (c.messages_left.take(1, messages, messages, elapsed) &&
      c.bytes_left.take(static_cast<double>(bytes), rate, burst, elapsed)) {
    return true;
  }
  violate(s, kPolicyViolation, Error{Errc::kHubRate, kPolicyViolation, "too many messages"});
  return false;
}

void Inbound::violate(Subscriber& s, uint16_t code, const Error& error) {
  if (s.phase == Phase::kGoodbye) return;  // it has been told already
  loop_.tally().violations.add();
  loop_.farewell().leave(s, code, error.text, error, loop_.options().liveness.close_timeout_ns);
}

}  // namespace tickwire::hub
