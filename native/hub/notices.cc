#include "hub/notices.h"

#include <algorithm>
#include <array>
#include <string>

#include "hub/definition_frames.h"
#include "hub/publication.h"
#include "wire/control.h"
#include "wire/frame_writer.h"
#include "ws/frame_writer.h"

namespace tickwire::hub {
namespace {

// Ranges per notice: bounds what one costs to make and to read.
constexpr size_t kRangesPerNotice = 128;

Lane plain_lane(Lane lane) noexcept { return lane == Lane::kWsDeflate ? Lane::kWs : lane; }

}  // namespace

bool append_content(Subscriber& s, const Content& content) {
  const Lane lane = plain_lane(s.lane);
  uint8_t* const room = s.out.grow(frame_room(lane, content));
  if (room == nullptr) return false;
  s.out.grown(write_frame(lane, content, room));
  return true;
}

bool append_value(Subscriber& s, const ValueSlot& slot, uint8_t wire_flags) {
  Content content;
  content.topic = slot.topic;
  content.key = slot.key;
  content.kind = slot.kind;
  content.wire_domain = slot.wire_domain;
  content.wire_type = slot.wire_type;
  content.wire_flags = wire_flags;
  content.sequence = slot.sequence;
  content.time_ns = slot.time_ns;
  content.payload = slot.payload();
  content.text = slot.text();
  return append_content(s, content);
}

bool append_text(Subscriber& s, std::string_view json) {
  Content content;
  content.payload = {reinterpret_cast<const uint8_t*>(json.data()), json.size()};
  return append_content(s, content);
}

bool append_topic(Subscriber& s, TopicId topic, std::string_view name, uint64_t last_sequence, uint32_t request) {
  uint8_t* const room = s.out.grow(kDefinitionRoom);
  if (room == nullptr) return false;
  s.out.grown(write_topic_frame(s.lane, room, topic, name, last_sequence, request));
  return true;
}

bool append_symbol(Subscriber& s, KeyId key, std::string_view name) {
  uint8_t* const room = s.out.grow(kDefinitionRoom);
  if (room == nullptr) return false;
  s.out.grown(write_symbol_frame(s.lane, room, key, name));
  return true;
}

bool append_sealed(Subscriber& s, uint8_t type, size_t payload_room, void (*fill)(void*, wire::TlvWriter&),
                   void* context) {
  uint8_t* const room = s.out.grow(kWireOffset + wire::frame_room(payload_room));
  if (room == nullptr) return false;
  wire::TlvWriter fields({room + kWireOffset + wire::kHeaderBytes, payload_room});
  fill(context, fields);
  wire::Header header;
  header.type = type;
  const size_t sealed = fields.ok() ? wire::seal_frame(room + kWireOffset, header, fields.size()) : 0;
  s.out.grown(finish_wire_frame(s.lane, room, sealed));
  return sealed != 0;
}

void append_skipped(Subscriber& s, std::span<const MissedRange> ranges, const Publication& publication) {
  while (!ranges.empty()) {
    const auto now = ranges.first(std::min(ranges.size(), kRangesPerNotice));
    ranges = ranges.subspan(now.size());
    if (speaks_wire(s.lane)) {
      std::array<wire::Range, kRangesPerNotice> told;
      std::transform(now.begin(), now.end(), told.begin(), [](const MissedRange& r) {
        return wire::Range{r.topic, r.from, r.to};
      });
      if (!append_control(s, wire::Type::kSkipped, 3 + 20 * now.size(), [&](wire::TlvWriter& out) {
            wire::put(out, wire::SkippedWhy::kSlow, std::span<const wire::Range>(told).first(now.size()));
          })) {
        return;
      }
    } else if (s.more->speaks) {
      std::string json = R"({"op":"skipped","topics":[)";
      for (const MissedRange& r : now) {
        json += R"({"topic":)";
        append_json_string(json, publication.topic_name(r.topic));
        json += ",\"from\":" + std::to_string(r.from) + ",\"to\":" + std::to_string(r.to) +
                ",\"count\":" + std::to_string(r.count) + "},";
      }
      json.back() = ']';
      json += '}';
      if (!append_text(s, json)) return;
    }
  }
}

void append_json_string(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<uint8_t>(c) < 0x20) {
      out += "\\u00";
      out += kHex[static_cast<uint8_t>(c) >> 4];
      out += kHex[static_cast<uint8_t>(c) & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace tickwire::hub
