#include "feed/connect_gate.h"

#include <algorithm>
#include <map>

#include "base/clock.h"

namespace tickwire::feed {

namespace {

struct Registry {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<ConnectGate>> gates;
};

// Never destroyed: loops of other threads may still ask while the process ends.
Registry& registry() {
  static auto* const all = new Registry;
  return *all;
}

constexpr size_t kManyGates = 256;

}  // namespace

std::shared_ptr<ConnectGate> ConnectGate::of(const ConnectLimit& limit) {
  Registry& all = registry();
  const std::string key = std::to_string(limit.count) + '/' + std::to_string(limit.per_ns) + ' ' + limit.name;
  const std::lock_guard lock(all.mutex);
  if (const auto found = all.gates.find(key); found != all.gates.end()) return found->second;
  // One that nobody has still knows of attempts until they are out of its time.
  if (all.gates.size() >= kManyGates) {
    const int64_t now = mono_ns();
    std::erase_if(all.gates,
                  [now](const auto& each) { return each.second.use_count() == 1 && each.second->is_idle(now); });
  }
  return all.gates.emplace(key, std::make_shared<ConnectGate>(limit.count, limit.per_ns)).first->second;
}

int64_t ConnectGate::take(int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  int64_t& oldest = times_[next_];
  const int64_t last = times_[(next_ + times_.size() - 1) % times_.size()];
  int64_t at = std::max({now_ns, last, held_until_});
  if (oldest != INT64_MIN) at = std::max(at, oldest + per_ns_);
  oldest = at;
  next_ = (next_ + 1) % times_.size();
  return at;
}

void ConnectGate::hold(int64_t until_ns) {
  const std::lock_guard lock(mutex_);
  held_until_ = std::max(held_until_, until_ns);
}

bool ConnectGate::is_held(int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  return now_ns < held_until_;
}

bool ConnectGate::is_idle(int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  if (now_ns < held_until_) return false;
  const int64_t last = times_[(next_ + times_.size() - 1) % times_.size()];
  return last == INT64_MIN || last + per_ns_ <= now_ns;
}

}  // namespace tickwire::feed
