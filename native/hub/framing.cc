#include "hub/framing.h"

#include <cstring>

#include "wire/frame_writer.h"
#include "wire/raw.h"
#include "ws/frame_writer.h"

namespace tickwire::hub {
namespace {

// Of a Raw message besides its content: kind, key, and the head of the content.
constexpr size_t kRawFields = 3 + 6 + 6;

bool is_binary(const Content& c) noexcept { return c.kind == PayloadKind::kBinary; }

std::span<const uint8_t> websocket_payload(const Content& c) noexcept {
  return c.kind == PayloadKind::kTyped ? c.text : c.payload;
}

wire::ContentKind content_kind(PayloadKind kind) noexcept {
  switch (kind) {
    case PayloadKind::kJson:
      return wire::ContentKind::kJson;
    case PayloadKind::kText:
      return wire::ContentKind::kText;
    case PayloadKind::kBinary:
    case PayloadKind::kTyped:
      break;
  }
  return wire::ContentKind::kBytes;
}

size_t write_wire(const Content& c, uint8_t* out) noexcept {
  wire::Header header;
  header.domain = static_cast<wire::Domain>(c.wire_domain);
  header.flags = c.wire_flags;
  header.source = c.topic;
  header.sequence = c.sequence;
  header.time_ns = static_cast<uint64_t>(c.time_ns);
  if (c.kind == PayloadKind::kTyped) {
    header.type = c.wire_type;
    return wire::write_frame(out, header, c.payload);
  }
  header.type = static_cast<uint8_t>(wire::Type::kRaw);
  wire::TlvWriter fields({out + wire::kHeaderBytes, c.payload.size() + kRawFields});
  wire::put(fields, wire::Raw{content_kind(c.kind), c.key, c.payload});
  return fields.ok() ? wire::seal_frame(out, header, fields.size()) : 0;
}

}  // namespace

size_t frame_room(Lane lane, const Content& content) noexcept {
  if (!speaks_wire(lane)) {
    const size_t size = websocket_payload(content).size();
    return ws::frame_header_size(size, false) + size;
  }
  const size_t fields = content.kind == PayloadKind::kTyped ? 0 : kRawFields;
  return kWireOffset + wire::frame_room(content.payload.size() + fields);
}

size_t write_frame(Lane lane, const Content& content, uint8_t* out) noexcept {
  if (lane == Lane::kWire) return write_wire(content, out);
  if (lane == Lane::kWsWire) return finish_wire_frame(lane, out, write_wire(content, out + kWireOffset));
  const std::span<const uint8_t> payload = websocket_payload(content);
  if (content.kind == PayloadKind::kTyped && payload.empty()) return 0;
  const ws::Opcode opcode = is_binary(content) ? ws::Opcode::kBinary : ws::Opcode::kText;
  const size_t header = ws::write_frame_header(out, opcode, true, false, payload.size(), nullptr);
  if (!payload.empty()) std::memcpy(out + header, payload.data(), payload.size());
  return header + payload.size();
}

size_t finish_wire_frame(Lane lane, uint8_t* out, size_t size) noexcept {
  if (size == 0) return 0;
  if (lane == Lane::kWire) {
    std::memmove(out, out + kWireOffset, size);
    return size;
  }
  const size_t header = ws::write_frame_header(out, ws::Opcode::kBinary, true, false, size, nullptr);
  if (header != kWireOffset) std::memmove(out + header, out + kWireOffset, size);
  return header + size;
}

void add_wire_flags(Lane lane, uint8_t* frame, uint8_t flags) noexcept {
  if (!speaks_wire(lane)) return;
  if (lane == Lane::kWsWire) {
    const uint8_t length = frame[1];
    frame += length < 126 ? 2 : length == 126 ? 4 : 10;
  }
  wire::add_flags(frame, flags);
}

}  // namespace tickwire::hub
