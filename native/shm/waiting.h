// Sleeping until a segment holds more than a reader has read; for the thread that reads, and for one that waits in its
// place.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/waker.h"
#include "shm/segment.h"

namespace tickwire::shm {

// Sleeps until `published` is not `position` any more, the segment is not live any more, `*stop` is set by somebody who
// then calls interrupt(), or `timeout_ns` have passed (< 0: never). A writer that is killed wakes nobody. Where the
// file cannot be written to, looks every 200 µs.
void wait_for_more(const Segment& segment, uint64_t position, int64_t timeout_ns,
                   const std::atomic<bool>* stop) noexcept;
// Lets all who sleep on the segment look again.
void interrupt(const Segment& segment) noexcept;

// A thread that sleeps for a reader which has other things to do: armed with a position, it calls the waker once when
// there is more.
class Watcher {
 public:
  // `segment` and `waker` outlive the watcher. Fails with kSystem when no thread can be had.
  [[nodiscard]] static Result<std::unique_ptr<Watcher>> start(const Segment& segment, Waker& waker);
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  ~Watcher();  // stops and joins
  // Replaces the position that was armed before, if it was not reported yet.
  void arm(uint64_t position);

 private:
  Watcher(const Segment& segment, Waker& waker) : segment_(segment), waker_(waker) {}
  void run();

  const Segment& segment_;
  Waker& waker_;
  std::mutex mutex_;
  std::condition_variable armed_;
  bool is_armed_ = false;
  uint64_t position_ = 0;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace tickwire::shm
