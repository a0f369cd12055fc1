#include "decode/description_reader.h"

#include <algorithm>
#include <vector>

namespace tickwire::decode {
namespace {

std::string range_text(const char* what, int64_t min, int64_t max) {
  return std::string("expected ") + what + " " + std::to_string(min) + ".." + std::to_string(max);
}

}  // namespace

void DescriptionReader::fail(std::string_view place, std::string_view what) {
  if (!error_.empty()) return;
  error_.append(place.empty() ? "description" : place).append(": ").append(what);
}

bool DescriptionReader::object(const Element& value, std::string_view place,
                               std::initializer_list<std::string_view> known, simdjson::dom::object& out) {
  if (value.get_object().get(out) != simdjson::SUCCESS) {
    fail(place, "expected an object");
    return false;
  }
  std::vector<std::string_view> seen;
  for (const auto member : out) {
    if (std::find(known.begin(), known.end(), member.key) == known.end()) {
      fail(place, "unknown key \"" + std::string(member.key) + "\"");
      return false;
    }
    if (std::find(seen.begin(), seen.end(), member.key) != seen.end()) {
      fail(place, "duplicate key \"" + std::string(member.key) + "\"");
      return false;
    }
    seen.push_back(member.key);
  }
  return true;
}

bool DescriptionReader::array(const Element& value, std::string_view place, size_t min, size_t max,
                              simdjson::dom::array& out) {
  if (value.get_array().get(out) != simdjson::SUCCESS) {
    fail(place, "expected an array");
    return false;
  }
  size_t count = 0;
  for ([[maybe_unused]] const auto element : out) ++count;
  if (count >= min && count <= max) return true;
  fail(place, range_text("elements in number", static_cast<int64_t>(min), static_cast<int64_t>(max)));
  return false;
}

bool DescriptionReader::text(const Element& value, std::string_view place, size_t min, size_t max, std::string& out) {
  std::string_view got;
  if (value.get_string().get(got) != simdjson::SUCCESS) {
    fail(place, "expected a string");
    return false;
  }
  if (got.size() < min || got.size() > max) {
    fail(place, range_text("bytes of text in number", static_cast<int64_t>(min), static_cast<int64_t>(max)));
    return false;
  }
  out = got;
  return true;
}

bool DescriptionReader::integer(const Element& value, std::string_view place, int64_t min, int64_t max, int64_t& out) {
  if (value.get_int64().get(out) == simdjson::SUCCESS && out >= min && out <= max) return true;
  fail(place, range_text("an integer", min, max));
  return false;
}

bool DescriptionReader::boolean(const Element& value, std::string_view place, bool& out) {
  if (value.get_bool().get(out) == simdjson::SUCCESS) return true;
  fail(place, "expected true or false");
  return false;
}

bool DescriptionReader::choice(const Element& value, std::string_view place,
                               std::initializer_list<std::string_view> names, size_t& out) {
  std::string_view got;
  if (value.get_string().get(got) == simdjson::SUCCESS) {
    const auto found = std::find(names.begin(), names.end(), got);
    out = static_cast<size_t>(found - names.begin());
    if (found != names.end()) return true;
  }
  std::string what = "expected one of";
  for (const std::string_view name : names) what.append(" ").append(name);
  fail(place, what);
  return false;
}

bool DescriptionReader::member(const simdjson::dom::object& object, const std::string& place, std::string_view key,
                               bool required, Element& out) {
  if (object.at_key(key).get(out) == simdjson::SUCCESS) return true;
  if (required) fail(place.empty() ? std::string(key) : place + "." + std::string(key), "missing");
  return false;
}

}  // namespace tickwire::decode
