// Which keys a subscription wants, by the names that the client gave. Names that nobody published yet are looked up
// again as keys come into being.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "hub/types.h"

namespace tickwire::hub {

class Publication;

class KeyFilter {
 public:
  KeyFilter(std::vector<std::string> names, Publication& publication);
  [[nodiscard]] bool passes(KeyId key) {
    if (key == kNoKey) return false;
    if (key >= resolved_) resolve();
    return is_member(key);
  }
  // The same with the publication's mutex held.
  [[nodiscard]] bool passes_locked(KeyId key) {
    if (key == kNoKey) return false;
    if (key >= resolved_) resolve_locked();
    return is_member(key);
  }
  [[nodiscard]] size_t size() const noexcept { return keys_.size() + unknown_.size(); }

 private:
  [[nodiscard]] bool is_member(KeyId key) const noexcept;
  void resolve();
  void resolve_locked();

  Publication& publication_;
  std::vector<KeyId> keys_;           // sorted
  std::vector<std::string> unknown_;  // sorted
  KeyId resolved_ = 0;                // keys below this were compared with the names
};

}  // namespace tickwire::hub
