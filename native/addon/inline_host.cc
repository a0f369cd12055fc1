#include "addon/inline_host.h"

#include <algorithm>

namespace tickwire::addon {

namespace {

// A turn may queue more work for the next one (read budgets). So many are run back to back before the JS thread's other
// business gets its share.
constexpr int kTurnsInARow = 4;

}  // namespace

Result<std::shared_ptr<LoopHost>> InlineHost::start(napi_env env) {
  uv_loop_t* uv = nullptr;
  if (napi_get_uv_event_loop(env, &uv) != napi_ok) return Error{Errc::kSystem, 0, "this runtime has no libuv loop"};
  auto loop = Loop::create();
  if (!loop.ok()) return loop.error();
  std::shared_ptr<InlineHost> host(new InlineHost(std::move(loop.value())));
  auto handles = std::make_unique<Handles>();
  handles->host = host.get();
  int rc = uv_poll_init(uv, &handles->poll, host->loop_->poll_fd());
  if (rc != 0) return Error{Errc::kSystem, -rc, "uv_poll_init"};
  handles->open = 1;
  handles->poll.data = handles.get();
  host->handles_ = handles.release();
  Handles* h = host->handles_;
  rc = uv_timer_init(uv, &h->timer);
  if (rc != 0) return Error{Errc::kSystem, -rc, "uv_timer_init"};
  h->open = 2;
  h->timer.data = h;
  rc = uv_poll_start(&h->poll, UV_READABLE, [](uv_poll_t* poll, int, int) {
    if (InlineHost* self = static_cast<Handles*>(poll->data)->host) (void)self->turn();
  });
  if (rc != 0) return Error{Errc::kSystem, -rc, "uv_poll_start"};
  // Channels decide whether the process stays alive.
  uv_unref(reinterpret_cast<uv_handle_t*>(&h->poll));
  uv_unref(reinterpret_cast<uv_handle_t*>(&h->timer));
  // The handles must be gone before the environment's libuv loop is. Hooks run in reverse order: the channels on this
  // loop, which were made later, have shut down by then.
  (void)napi_add_async_cleanup_hook(
      env,
      [](napi_async_cleanup_hook_handle, void* self) {
        // Null: they are being closed already, and on_closed() reports it.
        if (InlineHost* owner = static_cast<Handles*>(self)->host) owner->close_handles();
      },
      h, &h->hook);
  return std::shared_ptr<LoopHost>(std::move(host));
}

InlineHost::~InlineHost() { close_handles(); }

void InlineHost::close_handles() {
  if (handles_ == nullptr) return;
  handles_->host = nullptr;
  const bool has_timer = handles_->open == 2;
  uv_close(reinterpret_cast<uv_handle_t*>(&handles_->poll), on_closed);
  if (has_timer) uv_close(reinterpret_cast<uv_handle_t*>(&handles_->timer), on_closed);
  handles_ = nullptr;
}

void InlineHost::on_closed(uv_handle_t* handle) {
  auto* handles = static_cast<Handles*>(handle->data);
  if (--handles->open > 0) return;
  const std::unique_ptr<Handles> last(handles);
  // Outside an ending environment this takes the hook back; inside, it tells the environment that it need not wait any
  // longer.
  if (last->hook != nullptr) (void)napi_remove_async_cleanup_hook(last->hook);
}

// Behind what was posted before, as on a thread: such tasks hold shares of what this one is to destroy. Called from JS,
// hence never inside a turn; records that are published meanwhile are signalled through libuv and no JS runs below
// here.
void InlineHost::run_and_wait(std::function<void()> task) {
  const auto done = std::make_shared<bool>(false);
  const bool posted = depth_ == 0 && loop_->post([done, &task] {
    task();
    *done = true;
  });
  if (posted) (void)loop_->run_once(0);
  if (!*done) task();
  arm_timer();  // for what the turn has left
}

uint32_t InlineHost::run_once() { return turn(); }

bool InlineHost::after_turn(TurnEndListener& listener) {
  if (depth_ == 0) return false;
  if (std::find(after_.begin(), after_.end(), &listener) == after_.end()) after_.push_back(&listener);
  return true;
}

void InlineHost::cancel_after_turn(TurnEndListener& listener) noexcept { std::erase(after_, &listener); }

uint32_t InlineHost::turn() {
  if (depth_ > 0) return 0;              // a callback below polls: the turn that runs already is the one
  const auto self = shared_from_this();  // a callback may close the last channel and the loop
  uint32_t done = 0;
  ++depth_;
  for (int i = 0; i < kTurnsInARow; ++i) {
    done += loop_->run_once(0);
    if (!loop_->has_immediate_work()) break;
  }
  --depth_;
  arm_timer();
  // Taken one by one: a callback enters JS, which may run a turn of its own or close a channel.
  while (!after_.empty()) {
    TurnEndListener* listener = after_.back();
    after_.pop_back();
    listener->on_turn_end();
  }
  return done;
}

void InlineHost::arm_timer() {
  if (handles_ == nullptr) return;
  if (loop_->has_immediate_work()) {
    (void)uv_timer_start(
        &handles_->timer,
        [](uv_timer_t* t) {
          if (InlineHost* self = static_cast<Handles*>(t->data)->host) (void)self->turn();
        },
        0, 0);
    return;
  }
  const int64_t deadline = loop_->next_deadline_ns();
  if (deadline == INT64_MAX) {
    (void)uv_timer_stop(&handles_->timer);
    return;
  }
  const int64_t wait_ns = std::max<int64_t>(0, deadline - loop_->now_ns());
  (void)uv_timer_start(
      &handles_->timer,
      [](uv_timer_t* t) {
        if (InlineHost* self = static_cast<Handles*>(t->data)->host) (void)self->turn();
      },
      static_cast<uint64_t>((wait_ns + 999'999) / 1'000'000), 0);
}

}  // namespace tickwire::addon
