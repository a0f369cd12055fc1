#include "hub/name_table.h"

#include <algorithm>

#include "ws/utf8.h"

namespace tickwire::hub {

Result<uint32_t> NameTable::intern(std::string_view name) {
  if (const uint32_t known = find(name); known != 0) return known;
  if (name.empty()) return Error{Errc::kHubName, 0, "a name is empty"};
  if (name.size() > max_bytes_) return Error{Errc::kHubName, 0, "a name is too long"};
  const std::span<const uint8_t> bytes{reinterpret_cast<const uint8_t*>(name.data()), name.size()};
  if (!ws::valid_utf8(bytes) ||
      std::any_of(bytes.begin(), bytes.end(), [](uint8_t c) { return c < 0x20 || c == 0x7F; })) {
    return Error{Errc::kHubName, 0, "a name is not UTF-8 or holds a control character"};
  }
  uint32_t id;
  if (!free_.empty()) {
    id = free_.back();
    free_.pop_back();
    names_[id - 1] = name;
  } else {
    if (names_.size() >= max_names_) return Error{limit_error_, 0, "too many names"};
    names_.emplace_back(name);
    id = last();
  }
  ids_.emplace(names_[id - 1], id);
  return id;
}

void NameTable::forget(uint32_t id) {
  ids_.erase(names_[id - 1]);
  names_[id - 1].clear();
  free_.push_back(id);
}

}  // namespace tickwire::hub
