// `new addon.Channel(loop, ring, symbols, maxSymbols, onWake)`.
#pragma once
#include <napi.h>
#include <uv.h>

#include <memory>
#include <unordered_map>
#include <vector>

#include "addon/channel_core.h"
#include "addon/loop_host.h"
#include "addon/tenant_object.h"

namespace tickwire::addon {

class ChannelObject final : public Napi::ObjectWrap<ChannelObject>, public TurnEndListener {
 public:
  static Napi::Function define(Napi::Env env);
  explicit ChannelObject(const Napi::CallbackInfo& info);
  ~ChannelObject() override;

  [[nodiscard]] bool closed() const noexcept { return core_ == nullptr; }
  [[nodiscard]] LoopHost& host() noexcept { return *host_; }
  [[nodiscard]] const std::shared_ptr<ChannelCore>& core() const noexcept { return core_; }
  [[nodiscard]] uint16_t take_handle();
  // Registers a tenant with its JS object and keeps the JS memory that the tenant writes until the tenant is gone.
  void adopt(TenantObject& object, std::shared_ptr<feed::ChannelTenant> tenant,
             std::vector<Napi::ObjectReference> memory);
  // JS memory that a tenant writes for a while, kept until let_go() and what was posted before it. 0: too many.
  [[nodiscard]] uint16_t keep(Napi::ObjectReference memory);
  void let_go(uint16_t handle);
  void forget(TenantObject& object) noexcept;
  // Destroys a tenant on the loop's thread, then lets go of its memory.
  void destroy(std::shared_ptr<feed::ChannelTenant> tenant);

 private:
  // What the async handle needs; freed by libuv's close callback.
  struct AsyncState {
    uv_async_t async;
    ChannelObject* owner = nullptr;
    napi_async_cleanup_hook_handle hook = nullptr;  // set: the environment waits for the close callback
  };
  // Handles whose tenants are destroyed, on their way from the loop's thread to the JS thread.
  struct Released {
    std::mutex mutex;
    std::vector<uint16_t> handles;
    AsyncWaker* waker = nullptr;  // null once the channel is closed
  };

  Napi::Value nudge(const Napi::CallbackInfo& info);
  Napi::Value ref(const Napi::CallbackInfo& info);
  Napi::Value unref(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  void on_turn_end() override;
  void on_async();
  void call_js();
  void collect_released();
  void shut_down();

  std::shared_ptr<LoopHost> host_;
  std::unique_ptr<AsyncWaker> waker_;
  std::shared_ptr<ChannelCore> core_;
  std::shared_ptr<Released> released_;
  AsyncState* async_ = nullptr;  // owned by libuv until its close callback
  napi_async_cleanup_hook_handle hook_ = nullptr;
  Napi::ObjectReference ring_;
  Napi::ObjectReference symbols_;
  Napi::FunctionReference on_wake_;
  std::shared_ptr<Napi::AsyncContext> context_;  // shared with a call that may close the channel
  std::unordered_map<uint16_t, std::vector<Napi::ObjectReference>> memory_;  // by handle
  std::vector<TenantObject*> objects_;
  uint16_t next_handle_ = 1;
};

}  // namespace tickwire::addon
