// Sleeps on a segment of shared memory for a loop that sleeps elsewhere: on a thread of its own, which tells the loop
// when there is something to read or the writer is gone. The reader belongs to one of the two at any time: to the
// waiter from wait() until it tells, else to the loop.
#pragma once
#include <functional>
#include <memory>

#include "base/error.h"
#include "loop/loop.h"
#include "shm/reader.h"

namespace tickwire::feed {

class ShmWaiter {
 public:
  // `news` is called on the loop's thread. Fails when no thread can be had.
  [[nodiscard]] static Result<std::unique_ptr<ShmWaiter>> start(Loop& loop, std::shared_ptr<shm::Reader> reader,
                                                                std::function<void()> news);
  // At once: the thread ends by itself when its sleep is over, holds the reader until then and tells nobody.
  ~ShmWaiter();
  ShmWaiter(const ShmWaiter&) = delete;
  ShmWaiter& operator=(const ShmWaiter&) = delete;

  // From the loop's thread, which leaves the reader alone until `news`.
  void wait();

 private:
  struct State;
  explicit ShmWaiter(std::shared_ptr<State> state) : state_(std::move(state)) {}
  static void run(const std::shared_ptr<State>& state);
  std::shared_ptr<State> state_;
};

}  // namespace tickwire::feed
