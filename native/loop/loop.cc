#include "loop/loop.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "base/clock.h"

namespace tickwire {
namespace {

// A number of its own for every thread that ever ran a loop: unlike the system's identifiers it is never used again.
uint64_t this_thread_tag() noexcept {
  static std::atomic<uint64_t> last{0};
  thread_local const uint64_t tag = last.fetch_add(1, std::memory_order_relaxed) + 1;
  return tag;
}

}  // namespace

Result<std::unique_ptr<Loop>> Loop::create() {
  Result<Poller> poller = Poller::create();
  if (!poller.ok()) return poller.error();
  return std::unique_ptr<Loop>(new Loop(std::move(poller.value())));
}

Loop::Loop(Poller poller) : poller_(std::move(poller)), now_(mono_ns()) {}

Loop::~Loop() {
  close();
  while (bury() > 0) {  // a destructor may defer the release of something else
  }
}

uint32_t Loop::run_once(int64_t timeout_ns) {
  if (in_turn_) return 0;
  adopt_thread();
  in_turn_ = true;
  // A continuous driver comes back at once, so tasks may go before the system call, but not twice in a row: a stream of
  // tasks must not starve the descriptors.
  skipped_poll_ =
      driven_continuously_ && timeout_ns == 0 && !skipped_poll_ && tasks_pending_.load(std::memory_order_relaxed);
  if (!skipped_poll_) poll(timeout_ns);
  now_ = mono_ns();
  uint32_t done = deliver_events();
  done += run_resumed();
  done += run_tasks();
  done += timers_.run_due(now_);
  done += bury();
  in_turn_ = false;
  return done;
}

void Loop::poll(int64_t timeout_ns) {
  int64_t wait_ns = has_immediate_work() ? 0 : timeout_ns;
  if (wait_ns != 0 && timers_.next_deadline_ns() != INT64_MAX) {
    const int64_t left = std::max<int64_t>(timers_.next_deadline_ns() - mono_ns(), 0);
    if (wait_ns < 0 || left < wait_ns) wait_ns = left;
  }
  const bool announce = driven_continuously_ && wait_ns != 0;
  if (announce) {
    // Pairs with post(), which sets tasks_pending_ first and reads needs_wake_ second: in the one order of all four
    // operations at least one side sees the other.
    needs_wake_.store(true, std::memory_order_seq_cst);
    if (tasks_pending_.load(std::memory_order_seq_cst)) wait_ns = 0;
  }
  Result<uint32_t> n = poller_.wait(events_, wait_ns);
  if (announce) needs_wake_.store(false, std::memory_order_relaxed);
  event_next_ = 0;
  event_count_ = n.ok() ? n.value() : 0;
  if (!n.ok()) [[unlikely]] {
    poll_error_ = n.error();
  }
}

uint32_t Loop::deliver_events() {
  uint32_t delivered = 0;
  while (event_next_ < event_count_) {
    const PollEvent event = events_[event_next_++];
    if (event.token == nullptr) continue;  // dropped by unwatch()
    ++delivered;
    static_cast<Watcher*>(event.token)->on_ready(event.ready);
  }
  event_next_ = event_count_ = 0;
  return delivered;
}

Result<void> Loop::reserve_owner(int fd) {
  if (fd < 0) return error_from_errno(EBADF, "watch");
  const auto index = static_cast<size_t>(fd);
  if (index >= owners_.size()) owners_.resize(std::max(index + 1, owners_.size() * 2), nullptr);
  return {};
}

void Loop::own(int fd, Watcher& watcher) noexcept {
  Watcher*& owner = owners_[static_cast<size_t>(fd)];
  // The former owner may be gone before its turn comes, and what was found for it is found again for the new one.
  if (owner != nullptr) drop_events_of(owner);
  owner = &watcher;
}

void Loop::drop_events_of(const Watcher* watcher) noexcept {
  for (uint32_t i = event_next_; i < event_count_; ++i) {
    if (events_[i].token == watcher) events_[i].token = nullptr;
  }
}

Result<void> Loop::watch(int fd, Watcher& watcher, Trigger trigger) {
  Result<void> result = reserve_owner(fd);
  if (result.ok()) result = poller_.add(fd, &watcher, trigger);
  if (result.ok()) own(fd, watcher);
  return result;
}

Result<void> Loop::rewatch(int fd, Watcher& watcher, Trigger trigger) {
  Result<void> result = reserve_owner(fd);
  if (result.ok()) result = poller_.rearm(fd, &watcher, trigger);
  if (result.ok()) own(fd, watcher);
  return result;
}

void Loop::unwatch(int fd, Watcher& watcher) noexcept {
  const auto index = static_cast<size_t>(fd);
  if (fd >= 0 && index < owners_.size() && owners_[index] == &watcher) {
    owners_[index] = nullptr;
    // Fails only when the descriptor was closed before, and then the kernel has forgotten it already.
    static_cast<void>(poller_.remove(fd));
  }
  drop_events_of(&watcher);
}

void Loop::resume_later(Resumable& r) {
  if (r.queued_) return;
  r.queued_ = true;
  resumed_.push_back(&r);
}

void Loop::cancel_resume(Resumable& r) noexcept {
  if (!r.queued_) return;
  r.queued_ = false;
  const auto it = std::find(resumed_.begin(), resumed_.end(), &r);
  if (it != resumed_.end()) {
    resumed_.erase(it);
  } else {
    // The present turn is walking this one, so its positions must stay.
    std::replace(resuming_.begin(), resuming_.end(), &r, static_cast<Resumable*>(nullptr));
  }
}

uint32_t Loop::run_resumed() {
  if (resumed_.empty()) return 0;
  resuming_.swap(resumed_);  // whoever queues itself again waits for the next turn
  uint32_t ran = 0;
  for (Resumable*& slot : resuming_) {
    Resumable* const r = std::exchange(slot, nullptr);
    if (r == nullptr) continue;
    r->queued_ = false;
    ++ran;
    r->on_resume();
  }
  resuming_.clear();
  return ran;
}

int64_t Loop::refresh_now() noexcept {
  now_ = mono_ns();
  return now_;
}

bool Loop::post(Task task) {
  bool first;
  {
    const std::lock_guard<std::mutex> lock(tasks_mutex_);
    if (closed_) return false;
    tasks_.push_back(std::move(task));
    first = !tasks_pending_.exchange(true, std::memory_order_seq_cst);
    // The wake-up stays under the lock: afterwards the loop may already have run the task that ends it.
    const bool own_turn = on_loop_thread() && in_turn_;
    if (first && !own_turn && needs_wake_.load(std::memory_order_seq_cst)) poller_.wake();
  }
  return true;
}

uint32_t Loop::run_tasks() {
  if (!tasks_pending_.load(std::memory_order_relaxed)) return 0;
  {
    const std::lock_guard<std::mutex> lock(tasks_mutex_);
    tasks_pending_.store(false, std::memory_order_relaxed);
    running_tasks_.swap(tasks_);
  }
  return run_taken_tasks();
}

// close() may come from a task; it then finishes the same list from where the outer call stands.
uint32_t Loop::run_taken_tasks() {
  uint32_t ran = 0;
  while (running_next_ < running_tasks_.size()) {
    const Task task = std::move(running_tasks_[running_next_++]);
    ++ran;
    task();
  }
  running_tasks_.clear();
  running_next_ = 0;
  return ran;
}

void Loop::close() {
  adopt_thread();
  std::vector<Task> rest;
  {
    const std::lock_guard<std::mutex> lock(tasks_mutex_);
    closed_ = true;
    tasks_pending_.store(false, std::memory_order_relaxed);
    rest.swap(tasks_);
  }
  std::move(rest.begin(), rest.end(), std::back_inserter(running_tasks_));
  run_taken_tasks();
  if (!in_turn_) bury();
}

void Loop::set_driven_continuously(bool on) noexcept {
  driven_continuously_ = on;
  needs_wake_.store(!on, std::memory_order_seq_cst);
}

uint32_t Loop::bury() {
  if (graveyard_.empty()) return 0;
  burying_.swap(graveyard_);
  const auto n = static_cast<uint32_t>(burying_.size());
  burying_.clear();
  return n;
}

bool Loop::has_immediate_work() const noexcept {
  return !resumed_.empty() || !graveyard_.empty() || tasks_pending_.load(std::memory_order_acquire);
}

void Loop::adopt_thread() noexcept {
  const uint64_t tag = this_thread_tag();
  if (thread_tag_.load(std::memory_order_relaxed) != tag) thread_tag_.store(tag, std::memory_order_relaxed);
}

bool Loop::on_loop_thread() const noexcept { return thread_tag_.load(std::memory_order_relaxed) == this_thread_tag(); }

}  // namespace tickwire
