// A newcomer over TCP that speaks the wire format: judged by its Hello.
#include <utility>
#include <vector>

#include "base/clock.h"
#include "hub/newcomer.h"
#include "wire/control.h"
#include "wire/frame_writer.h"

namespace tickwire::hub {
namespace {

constexpr size_t kMaxHello = wire::kMaxToken + wire::kMaxName + 64;

wire::ErrorCode code_of(Refusal why) noexcept {
  switch (why) {
    case Refusal::kUnauthorized:
      return wire::ErrorCode::kUnauthorized;
    case Refusal::kMalformed:
      return wire::ErrorCode::kMalformed;
    case Refusal::kTimeout:
    case Refusal::kAuthorizeTimeout:
      return wire::ErrorCode::kTimedOut;
    case Refusal::kClosing:
      return wire::ErrorCode::kShuttingDown;
    case Refusal::kNotWebSocket:
      return wire::ErrorCode::kNoCommonVersion;
    default:
      return wire::ErrorCode::kOverloaded;
  }
}

// Whether what has come so far can be the beginning of a frame.
bool may_start_frame(std::span<const uint8_t> in) noexcept {
  const uint8_t start[3] = {wire::kMagic[0], wire::kMagic[1], wire::kVersion};
  for (size_t i = 0; i < sizeof start && i < in.size(); ++i) {
    if (in[i] != start[i]) return false;
  }
  return true;
}

}  // namespace

bool Newcomer::judge_hello() {
  // Whoever gets as far as this without being a client of ours is noticed by its first bytes, and a damaged Hello is
  // no reason to look for the next frame: nothing was agreed on yet.
  const auto refuse_this = [this](const char* why) {
    refuse_wire(Refusal::kMalformed, why);
    return true;
  };
  const std::span<const uint8_t> in = bytes();
  if (!may_start_frame(in)) return refuse_this("a connection starts with Hello");
  if (in.size() < wire::kHeaderBytes) return false;
  const wire::Header header = wire::read_header(in.data());
  if (header.domain != wire::Domain::kControl || !header.is(wire::Type::kHello)) {
    return refuse_this("a connection starts with Hello");
  }
  if (header.length > kMaxHello || (header.flags & ~wire::kFlagsUnderstood) != 0) return refuse_this("malformed Hello");
  const size_t whole = wire::kHeaderBytes + header.length;
  if (in.size() < whole) return false;
  if (wire::frame_crc(in.data(), header.length) != header.crc) return refuse_this("Hello was damaged on its way");
  std::span<uint8_t> payload{input_.data() + wire::kHeaderBytes, header.length};
  if ((header.flags & wire::kFlagMasked) != 0) payload = wire::unmask(payload);
  wire::Hello hello;
  if (!wire::get(payload, hello)) return refuse_this("malformed Hello");
  if (hello.min_version > wire::kVersion || hello.max_version < wire::kVersion) {
    refuse_wire(Refusal::kNotWebSocket, "only version 1 is spoken here");
    return true;
  }
  if (front_.draining()) {
    refuse_wire(Refusal::kClosing, "the hub is closing");
    return true;
  }
  info_.lane = Lane::kWire;
  info_.received.assign(in.begin() + static_cast<std::ptrdiff_t>(whole), in.end());
  AuthorizeRequest request;
  request.token = hello.token;
  request.name = hello.name;
  ask(request);
  return true;
}

void Newcomer::refuse_wire(Refusal why, std::string_view text) {
  front_.refused(why, 0, peer_, text);
  wire::ErrorMessage message;
  message.code = code_of(why);
  message.fatal = true;
  message.text = text.substr(0, wire::kMaxReason);
  std::vector<uint8_t> frame(wire::frame_room(message.text.size() + 64));
  wire::TlvWriter out({frame.data() + wire::kHeaderBytes, frame.size() - wire::kHeaderBytes - wire::kMaskBytes});
  wire::put(out, message);
  wire::Header fields;
  fields.type = static_cast<uint8_t>(wire::Type::kError);
  fields.time_ns = static_cast<uint64_t>(realtime_ns());
  frame.resize(wire::seal_frame(frame.data(), fields, out.size()));
  say(std::string(frame.begin(), frame.end()));
}

}  // namespace tickwire::hub
