#include "hub/key_filter.h"

#include <algorithm>

#include "hub/publication.h"

namespace tickwire::hub {

KeyFilter::KeyFilter(std::vector<std::string> names, Publication& publication)
    : publication_(publication), unknown_(std::move(names)) {
  std::sort(unknown_.begin(), unknown_.end());
  unknown_.erase(std::unique(unknown_.begin(), unknown_.end()), unknown_.end());
}

bool KeyFilter::is_member(KeyId key) const noexcept {
  // Filters of a few keys are the rule; there a walk is faster than halving.
  constexpr size_t kFew = 8;
  if (keys_.size() <= kFew) return std::find(keys_.begin(), keys_.end(), key) != keys_.end();
  return std::binary_search(keys_.begin(), keys_.end(), key);
}

void KeyFilter::resolve() {
  const auto lock = publication_.lock();
  resolve_locked();
}

void KeyFilter::resolve_locked() {
  const KeyId count = publication_.key_count();
  if (resolved_ == 0) {  // the first time by name, of which there are fewer
    std::erase_if(unknown_, [this](const std::string& name) {
      const KeyId key = publication_.find_key(name);
      if (key != kNoKey) keys_.push_back(key);
      return key != kNoKey;
    });
  } else {
    for (KeyId key = resolved_; key < count && !unknown_.empty(); ++key) {
      const auto at = std::lower_bound(unknown_.begin(), unknown_.end(), publication_.key_name(key));
      if (at == unknown_.end() || *at != publication_.key_name(key)) continue;
      keys_.push_back(key);
      unknown_.erase(at);
    }
  }
  std::sort(keys_.begin(), keys_.end());
  resolved_ = count;
}

}  // namespace tickwire::hub
