#include <algorithm>

#include "hub/subscriber_info.h"

namespace tickwire::hub {

bool TopicAccess::allows(std::string_view topic) const noexcept {
  return std::any_of(patterns.begin(), patterns.end(), [topic](std::string_view pattern) {
    if (!pattern.ends_with('*')) return topic == pattern;
    return topic.starts_with(pattern.substr(0, pattern.size() - 1));
  });
}

}  // namespace tickwire::hub
