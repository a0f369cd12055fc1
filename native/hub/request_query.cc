#include "hub/request_query.h"

#include <algorithm>
#include <cstdint>
#include <span>

#include "ws/utf8.h"

namespace tickwire::hub {
namespace {

int hex(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> decode(std::string_view text, bool form) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size() || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0) return std::nullopt;
      out.push_back(static_cast<char>(hex(text[i + 1]) << 4 | hex(text[i + 2])));
      i += 2;
    } else {
      out.push_back(form && text[i] == '+' ? ' ' : text[i]);
    }
  }
  if (!ws::valid_utf8({reinterpret_cast<const uint8_t*>(out.data()), out.size()})) return std::nullopt;
  return out;
}

// Adds the names of a list; each once. False when one is empty or there are too many.
bool add_names(std::string_view list, std::vector<std::string>& names, size_t& left) {
  for (bool more = true; more;) {
    const size_t comma = list.find(',');
    const std::string_view name = list.substr(0, comma);
    more = comma != std::string_view::npos;
    if (more) list.remove_prefix(comma + 1);
    if (name.empty()) return false;
    if (left == 0) return false;
    --left;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
  }
  return true;
}

}  // namespace

bool path_below(std::string_view path, std::string_view base, std::string_view& rest) noexcept {
  if (base.ends_with('/')) base.remove_suffix(1);
  if (!path.starts_with(base)) return false;
  rest = path.substr(base.size());
  if (rest.empty()) return true;
  if (rest[0] != '/') return false;
  rest.remove_prefix(1);
  return true;
}

std::optional<RequestQuery> parse_query(std::string_view rest, std::string_view query, size_t most) {
  RequestQuery out;
  size_t left = most;
  if (!rest.empty()) {
    const auto list = decode(rest, false);
    if (!list || !add_names(*list, out.topics, left)) return std::nullopt;
  }
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    const size_t equals = pair.find('=');
    const std::string_view name = pair.substr(0, equals);
    if (name != "topics" && name != "keys" && name != "token") continue;
    const auto value = decode(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1), true);
    if (!value) return std::nullopt;
    if (name == "token") {
      out.token = *value;
    } else if (!add_names(*value, name == "topics" ? out.topics : out.keys, left)) {
      return std::nullopt;
    }
  }
  out.all_topics = std::find(out.topics.begin(), out.topics.end(), "*") != out.topics.end();
  if (out.all_topics) out.topics.clear();
  return out;
}

}  // namespace tickwire::hub
