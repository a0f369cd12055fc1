#include "addon/thread_host.h"

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <vector>

namespace tickwire::addon {

namespace {

// process.exit() on the main thread runs no cleanup hooks, only atexit handlers: a loop thread that went on would use
// OpenSSL and our own statics while they are destroyed. Handlers run in reverse order of registration, so this one
// comes before theirs.
class RunningThreads {
 public:
  static RunningThreads& instance() {
    static auto* const all = [] {
      auto* made = std::make_unique<RunningThreads>().release();  // outlives every static destructor on purpose
      (void)std::atexit([] { instance().stop_all(); });
      return made;
    }();
    return *all;
  }
  void add(ThreadHost& host) {
    const std::lock_guard lock(mutex_);
    hosts_.push_back(&host);
  }
  void remove(ThreadHost& host) {
    const std::lock_guard lock(mutex_);
    std::erase(hosts_, &host);
  }
  void stop_all() {
    const std::lock_guard lock(mutex_);
    for (ThreadHost* host : hosts_) host->end_thread();
    hosts_.clear();
  }

 private:
  std::mutex mutex_;
  std::vector<ThreadHost*> hosts_;
};

}  // namespace

ThreadHost::ThreadHost(std::unique_ptr<LoopThread> thread) : thread_(std::move(thread)) {
  RunningThreads::instance().add(*this);
}

ThreadHost::~ThreadHost() { RunningThreads::instance().remove(*this); }

Result<std::shared_ptr<LoopHost>> ThreadHost::start(const LoopThreadOptions& options) {
  auto thread = LoopThread::start(options);
  if (!thread.ok()) return thread.error();
  return std::shared_ptr<LoopHost>(new ThreadHost(std::move(thread.value())));
}

void ThreadHost::run_and_wait(std::function<void()> task) {
  struct Done {
    std::mutex mutex;
    std::condition_variable cv;
    bool done = false;
  };
  const auto done = std::make_shared<Done>();
  const bool taken = loop().post([done, task] {
    task();
    const std::lock_guard lock(done->mutex);
    done->done = true;
    done->cv.notify_all();
  });
  if (!taken) {  // the loop is closed: nobody else runs on it any more
    task();
    return;
  }
  std::unique_lock lock(done->mutex);
  done->cv.wait(lock, [&] { return done->done; });
}

}  // namespace tickwire::addon
