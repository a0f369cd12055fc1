// What a WebSocket's address asks for: ws://host/stream/BTCUSDT,ETHUSDT?keys=…&token=….
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tickwire::hub {

struct RequestQuery {
  bool all_topics = false;  // "*" was among the topics
  std::vector<std::string> topics;
  std::vector<std::string> keys;
  std::string token;
};

// Whether `path` is `base` or lies below it; `rest` becomes what follows ("" or without its leading '/').
[[nodiscard]] bool path_below(std::string_view path, std::string_view base, std::string_view& rest) noexcept;

// Topics by the rest of the path and by `topics`, keys by `keys` (lists joined by commas; parameters may come several
// times and add up), `token`; other parameters are passed over. Percent-encoding is undone, '+' is a space as in forms.
// nullopt when an escape is malformed, a name is empty or no valid UTF-8, or there are more than `most` names in all.
[[nodiscard]] std::optional<RequestQuery> parse_query(std::string_view rest, std::string_view query, size_t most);

}  // namespace tickwire::hub
