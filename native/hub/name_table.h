// Names and their numbers, from 1. Guarded by the publication's mutex.
#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"

namespace tickwire::hub {

class NameTable {
 public:
  // `limit_error` is what a name too many is refused with.
  NameTable(uint32_t max_names, size_t max_bytes, Errc limit_error)
      : max_names_(max_names), max_bytes_(max_bytes), limit_error_(limit_error) {}

  [[nodiscard]] uint32_t find(std::string_view name) const noexcept {  // 0: not there
    const auto it = ids_.find(name);
    return it == ids_.end() ? 0 : it->second;
  }
  // The number of `name`, which is new or known. kHubName when it is empty, too long, not UTF-8 or holds a control
  // character.
  [[nodiscard]] Result<uint32_t> intern(std::string_view name);
  // Frees a number for another name.
  void forget(uint32_t id);
  [[nodiscard]] std::string_view name(uint32_t id) const noexcept {
    return id == 0 || id > names_.size() ? std::string_view() : names_[id - 1];
  }
  // Numbers that were ever given are 1…last().
  [[nodiscard]] uint32_t last() const noexcept { return static_cast<uint32_t>(names_.size()); }
  [[nodiscard]] uint32_t count() const noexcept { return static_cast<uint32_t>(ids_.size()); }

 private:
  uint32_t max_names_;
  size_t max_bytes_;
  Errc limit_error_;
  std::deque<std::string> names_;  // never moved: the map's keys point into them
  std::vector<uint32_t> free_;
  std::unordered_map<std::string_view, uint32_t> ids_;
};

}  // namespace tickwire::hub
