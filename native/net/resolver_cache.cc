#include "net/resolver_cache.h"

#include <algorithm>

namespace tickwire {

void ResolverCache::put(const std::string& name, const Addresses& addresses, int64_t now_ns) {
  if (max_names_ == 0) return;
  if (entries_.size() >= max_names_ && entries_.find(name) == entries_.end()) {
    // A linear search: it happens once per lookup, which costs thousands of times as much.
    const auto oldest = std::min_element(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
      return a.second.learned_at < b.second.learned_at;
    });
    entries_.erase(oldest);
  }
  entries_[name] = Entry{addresses, now_ns, true};
}

std::optional<ResolverCache::Addresses> ResolverCache::fresh(const std::string& name, int64_t now_ns) const {
  const auto found = entries_.find(name);
  if (found == entries_.end() || !found->second.trusted || now_ns - found->second.learned_at >= ttl_ns_) {
    return std::nullopt;
  }
  return found->second.addresses;
}

std::optional<ResolverCache::Addresses> ResolverCache::stale(const std::string& name, int64_t now_ns) const {
  const auto found = entries_.find(name);
  if (found == entries_.end() || now_ns - found->second.learned_at >= max_stale_ns_) return std::nullopt;
  return found->second.addresses;
}

void ResolverCache::distrust(const std::string& name) {
  if (const auto found = entries_.find(name); found != entries_.end()) found->second.trusted = false;
}

}  // namespace tickwire
