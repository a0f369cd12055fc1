#include "feed/shm_waiter.h"

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace tickwire::feed {

namespace {

// A writer that is killed wakes nobody, so that is looked for at this interval.
constexpr int64_t kTurn = 50'000'000;

}  // namespace

struct ShmWaiter::State {
  Loop& loop;
  const std::shared_ptr<shm::Reader> reader;
  const std::function<void()> news;
  std::mutex mutex;
  std::condition_variable changed;
  bool waiting = false;  // under mutex, as the next
  bool ended = false;

  State(Loop& l, std::shared_ptr<shm::Reader> r, std::function<void()> n)
      : loop(l), reader(std::move(r)), news(std::move(n)) {}
};

Result<std::unique_ptr<ShmWaiter>> ShmWaiter::start(Loop& loop, std::shared_ptr<shm::Reader> reader,
                                                    std::function<void()> news) {
  auto state = std::make_shared<State>(loop, std::move(reader), std::move(news));
  try {
    std::thread([state] { run(state); }).detach();
  } catch (const std::system_error& error) {
    return error_from_errno(error.code().value(), "thread");
  }
  return std::unique_ptr<ShmWaiter>(new ShmWaiter(std::move(state)));
}

ShmWaiter::~ShmWaiter() {
  const std::lock_guard lock(state_->mutex);
  state_->ended = true;
  state_->changed.notify_one();
}

void ShmWaiter::wait() {
  const std::lock_guard lock(state_->mutex);
  state_->waiting = true;
  state_->changed.notify_one();
}

void ShmWaiter::run(const std::shared_ptr<State>& state) {
  shm::Reader& reader = *state->reader;
  std::unique_lock lock(state->mutex);
  for (;;) {
    state->changed.wait(lock, [&] { return state->ended || state->waiting; });
    if (state->ended) return;
    lock.unlock();
    while (!reader.wait(kTurn) && reader.status() == Errc::kNone && reader.writer_alive()) {
      lock.lock();
      const bool ended = state->ended;
      lock.unlock();
      if (ended) return;
    }
    lock.lock();
    if (state->ended) return;
    state->waiting = false;
    // Under the lock: until `ended` is set the loop is there. The task may come after the end and finds out.
    (void)state->loop.post([state] {
      {
        const std::lock_guard again(state->mutex);
        if (state->ended) return;
      }
      state->news();
    });
  }
}

}  // namespace tickwire::feed
