// How often the process may begin a connection to somebody: shared by all feeds of one name and limit, on whatever
// loop and in whatever JS context they are. Attempts get their time in the order in which they ask.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace tickwire::feed {

struct ConnectLimit {
  std::string name;    // '' = none
  uint32_t count = 0;  // attempts, 1..kMaxCount...
  int64_t per_ns = 0;  // ...within any such time
  // By HTTP status of a refusal that does not say it itself: how long nobody begins another one.
  std::vector<std::pair<int32_t, int64_t>> bans;
};

class ConnectGate {
 public:
  static constexpr uint32_t kMaxCount = 65'536;

  ConnectGate(uint32_t count, int64_t per_ns) : per_ns_(per_ns), times_(count, INT64_MIN) {}

  // The gate of this name and limit; the same for all who ask.
  [[nodiscard]] static std::shared_ptr<ConnectGate> of(const ConnectLimit& limit);

  // When an attempt may begin: now, or later. The time is taken, also when it is not used. From any thread.
  [[nodiscard]] int64_t take(int64_t now_ns);

  // The peer has asked to be left alone: nobody begins before. The latest such time counts. From any thread.
  void hold(int64_t until_ns);
  // Whether who was given a time before must ask for another one. From any thread.
  [[nodiscard]] bool is_held(int64_t now_ns);

 private:
  [[nodiscard]] bool is_idle(int64_t now_ns);

  std::mutex mutex_;
  const int64_t per_ns_;
  std::vector<int64_t> times_;  // of the last attempts, in a ring
  size_t next_ = 0;             // the oldest
  int64_t held_until_ = INT64_MIN;
};

}  // namespace tickwire::feed
