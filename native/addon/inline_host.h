// A loop without a thread: the JS thread's own libuv loop watches the poller's descriptor and runs a turn when
// something is ready. At low rates this saves the hand-over between two sleeping threads.
#pragma once
#include <node_api.h>
#include <uv.h>

#include <memory>
#include <vector>

#include "addon/loop_host.h"

namespace tickwire::addon {

class InlineHost final : public LoopHost, public std::enable_shared_from_this<InlineHost> {
 public:
  [[nodiscard]] static Result<std::shared_ptr<LoopHost>> start(napi_env env);
  ~InlineHost() override;
  [[nodiscard]] Loop& loop() noexcept override { return *loop_; }
  void run_and_wait(std::function<void()> task) override;
  [[nodiscard]] int64_t cpu_time_ns() const noexcept override { return 0; }
  uint32_t run_once() override;
  [[nodiscard]] bool is_inline() const noexcept override { return true; }
  [[nodiscard]] bool after_turn(TurnEndListener& listener) override;
  void cancel_after_turn(TurnEndListener& listener) noexcept override;

 private:
  // libuv frees nothing: handles live on until their close callbacks, beyond this object.
  struct Handles {
    uv_poll_t poll;
    uv_timer_t timer;
    int open = 0;
    InlineHost* host = nullptr;
    napi_async_cleanup_hook_handle hook = nullptr;  // the environment waits for the close callbacks
  };
  explicit InlineHost(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
  static void on_closed(uv_handle_t* handle);
  void close_handles();
  uint32_t turn();
  void arm_timer();

  std::unique_ptr<Loop> loop_;
  Handles* handles_ = nullptr;  // owned by libuv until on_closed() of the last one
  int depth_ = 0;
  std::vector<TurnEndListener*> after_;
};

}  // namespace tickwire::addon
