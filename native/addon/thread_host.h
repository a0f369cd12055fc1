// A loop on a thread of its own.
#pragma once
#include <memory>

#include "addon/loop_host.h"
#include "loop/loop_thread.h"

namespace tickwire::addon {

class ThreadHost final : public LoopHost {
 public:
  ~ThreadHost() override;
  [[nodiscard]] static Result<std::shared_ptr<LoopHost>> start(const LoopThreadOptions& options);
  [[nodiscard]] Loop& loop() noexcept override { return thread_->loop(); }
  void run_and_wait(std::function<void()> task) override;
  [[nodiscard]] int64_t cpu_time_ns() const noexcept override { return thread_->cpu_time_ns(); }
  // The process exits: nothing of the loop is used any more.
  void end_thread() noexcept { thread_.reset(); }

 private:
  explicit ThreadHost(std::unique_ptr<LoopThread> thread);
  std::unique_ptr<LoopThread> thread_;
};

}  // namespace tickwire::addon
