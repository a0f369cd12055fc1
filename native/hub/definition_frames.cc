#include "hub/definition_frames.h"

#include "hub/framing.h"
#include "wire/control.h"
#include "wire/frame_writer.h"

namespace tickwire::hub {
namespace {

static_assert(kWireOffset + wire::frame_room(6 + 6 + 2 + 8 + wire::kMaxName) <= kDefinitionRoom);

// A payload that put() has written is within its limits, so that sealing cannot fail but for want of a mask, which
// exists for every payload this short.
size_t seal(Lane lane, uint8_t* out, wire::Type type, size_t payload) noexcept {
  wire::Header header;
  header.type = static_cast<uint8_t>(type);
  return finish_wire_frame(lane, out, wire::seal_frame(out + kWireOffset, header, payload));
}

wire::TlvWriter fields_of(uint8_t* out) noexcept {
  return wire::TlvWriter({out + kWireOffset + wire::kHeaderBytes, kDefinitionRoom - kWireOffset - wire::kHeaderBytes});
}

}  // namespace

size_t write_topic_frame(Lane lane, uint8_t* out, TopicId topic, std::string_view name, uint64_t last_sequence,
                         uint32_t request) noexcept {
  const wire::TopicEntry entry{topic, last_sequence, name};
  wire::TlvWriter fields = fields_of(out);
  wire::put(fields, request, {&entry, 1});
  return seal(lane, out, wire::Type::kTopic, fields.size());
}

size_t write_symbol_frame(Lane lane, uint8_t* out, KeyId key, std::string_view name) noexcept {
  const wire::SymbolEntry entry{key, name};
  wire::TlvWriter fields = fields_of(out);
  wire::put(fields, {&entry, 1});
  return seal(lane, out, wire::Type::kSymbol, fields.size());
}

}  // namespace tickwire::hub
