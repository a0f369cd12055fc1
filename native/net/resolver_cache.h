// Answers of the resolver by name. Not locked: the resolver does.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/socket_address.h"

namespace tickwire {

class ResolverCache {
 public:
  using Addresses = std::vector<SocketAddress>;
  ResolverCache(size_t max_names, int64_t ttl_ns, int64_t max_stale_ns)
      : max_names_(max_names), ttl_ns_(ttl_ns), max_stale_ns_(max_stale_ns) {}

  void put(const std::string& name, const Addresses& addresses, int64_t now_ns);  // makes room by dropping the oldest
  [[nodiscard]] std::optional<Addresses> fresh(const std::string& name, int64_t now_ns) const;
  [[nodiscard]] std::optional<Addresses> stale(const std::string& name, int64_t now_ns) const;
  void distrust(const std::string& name);  // not fresh any more
  void erase(const std::string& name) { entries_.erase(name); }
  [[nodiscard]] size_t size() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    Addresses addresses;
    int64_t learned_at = 0;
    bool trusted = true;
  };
  size_t max_names_;
  int64_t ttl_ns_;
  int64_t max_stale_ns_;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace tickwire
