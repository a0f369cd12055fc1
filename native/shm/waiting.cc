#include "shm/waiting.h"

#include <algorithm>
#include <ctime>
#include <system_error>

#include "base/clock.h"
#include "base/cpu.h"
#include "shm/parking.h"

namespace tickwire::shm {
namespace {

// How often somebody looks whom nobody can wake, and somebody whom a wake-up may miss.
constexpr int64_t kUnwakeableNs = 200'000;
constexpr int64_t kUncertainNs = 1'000'000;

void sleep_ns(int64_t ns) noexcept {
  const timespec time{ns / 1'000'000'000, static_cast<long>(ns % 1'000'000'000)};
  static_cast<void>(nanosleep(&time, nullptr));  // interrupted: the caller looks again
}

}  // namespace

void wait_for_more(const Segment& segment, uint64_t position, int64_t timeout_ns,
                   const std::atomic<bool>* stop) noexcept {
  const Header& header = header_of(segment.memory());
  const auto over = [&] {
    return header.published.load(std::memory_order_acquire) != position || segment.state() != SegmentState::kLive ||
           (stop != nullptr && stop->load(std::memory_order_acquire));
  };
  const bool writer_fences = (segment.identity().flags & kFlagWriterFences) != 0;
  Park* const park = segment.park();
  const int64_t deadline = timeout_ns < 0 ? INT64_MAX : mono_ns() + timeout_ns;
  while (!over()) {
    int64_t left = deadline == INT64_MAX ? INT64_MAX : deadline - mono_ns();
    if (left <= 0) return;
    if (park == nullptr) {
      sleep_ns(std::min(left, kUnwakeableNs));
      continue;
    }
    // In this order; see parking.h.
    const uint32_t wakes = park->wakes.load(std::memory_order_seq_cst);
    park->parked.store(1, std::memory_order_seq_cst);
    if (!heavy_fence() && !writer_fences) left = std::min(left, kUncertainNs);
    if (over()) return;
    sleep_on(park->wakes, wakes, left == INT64_MAX ? -1 : left);
  }
}

void interrupt(const Segment& segment) noexcept {
  if (segment.park() != nullptr) wake_readers(*segment.park());
}

Result<std::unique_ptr<Watcher>> Watcher::start(const Segment& segment, Waker& waker) {
  std::unique_ptr<Watcher> watcher(new Watcher(segment, waker));
  try {
    watcher->thread_ = std::thread([self = watcher.get()] { self->run(); });
  } catch (const std::system_error& failure) {
    return error_from_errno(failure.code().value(), "thread");
  }
  return watcher;
}

Watcher::~Watcher() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_.store(true, std::memory_order_release);
  }
  armed_.notify_one();
  interrupt(segment_);
  thread_.join();
}

void Watcher::arm(uint64_t position) {
  {
    const std::lock_guard lock(mutex_);
    position_ = position;
    is_armed_ = true;
  }
  armed_.notify_one();
}

void Watcher::run() {
  name_this_thread("tickwire-shm");
  for (;;) {
    uint64_t position = 0;
    {
      std::unique_lock lock(mutex_);
      armed_.wait(lock, [this] { return is_armed_ || stop_.load(std::memory_order_relaxed); });
      if (stop_.load(std::memory_order_relaxed)) return;
      is_armed_ = false;
      position = position_;
    }
    wait_for_more(segment_, position, -1, &stop_);
    if (stop_.load(std::memory_order_acquire)) return;
    waker_.wake();
  }
}

}  // namespace tickwire::shm
