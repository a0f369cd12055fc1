#include "decode/path.h"

#include "decode/json_text.h"

namespace tickwire::decode {
namespace {

bool key_is(const TapeEntry& entry, std::span<const uint8_t> message, std::string_view key,
            std::vector<uint8_t>& scratch) {
  const uint8_t* text = message.data() + entry.start + 1;
  const uint32_t length = entry.end - entry.start - 2;
  if (!entry.escaped) return length == key.size() && std::memcmp(text, key.data(), length) == 0;
  if (length < key.size()) return false;  // escapes only get shorter
  scratch.clear();
  return unescape(text, text + length, scratch) && scratch.size() == key.size() &&
         std::memcmp(scratch.data(), key.data(), key.size()) == 0;
}

}  // namespace

uint32_t find_member(const JsonTape& tape, std::span<const uint8_t> message, uint32_t object, std::string_view key,
                     std::vector<uint8_t>& scratch) {
  uint32_t found = kNotThere;
  const uint32_t end = tape[object].next;
  for (uint32_t at = object + 1; at < end; at = tape[at + 1].next) {
    if (key_is(tape[at], message, key, scratch)) found = at + 1;
  }
  return found;
}

uint32_t find_element(const JsonTape& tape, uint32_t array, uint32_t index) noexcept {
  const uint32_t end = tape[array].next;
  uint32_t at = array + 1;
  for (; at < end && index != 0; --index) at = tape[at].next;
  return at < end ? at : kNotThere;
}

PathResult find_path(const JsonTape& tape, std::span<const uint8_t> message, uint32_t root,
                     const std::vector<PathStep>& path, std::vector<uint8_t>& scratch) {
  PathResult result{root, root};
  for (const PathStep& step : path) {
    const ValueKind kind = tape[result.deepest].kind;
    uint32_t next = kNotThere;
    if (step.index >= 0) {
      if (kind == ValueKind::kArray) next = find_element(tape, result.deepest, static_cast<uint32_t>(step.index));
    } else if (kind == ValueKind::kObject) {
      next = find_member(tape, message, result.deepest, step.key, scratch);
    }
    if (next == kNotThere) {
      result.value = kNotThere;
      return result;
    }
    result.deepest = result.value = next;
  }
  return result;
}

}  // namespace tickwire::decode
