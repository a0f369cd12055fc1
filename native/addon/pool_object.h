// `new addon.HttpPool(channel, options)`: the connections to one origin.
#pragma once
#include <napi.h>

#include <memory>

#include "addon/pool_tenant.h"
#include "addon/tenant_object.h"

namespace tickwire::addon {

class ChannelObject;

class PoolObject final : public Napi::ObjectWrap<PoolObject>, public TenantObject {
 public:
  static Napi::Function define(Napi::Env env);
  explicit PoolObject(const Napi::CallbackInfo& info);
  ~PoolObject() override { release(); }
  [[nodiscard]] std::shared_ptr<feed::ChannelTenant> detach() noexcept override;

 private:
  Napi::Value handle(const Napi::CallbackInfo& info);
  Napi::Value request(const Napi::CallbackInfo& info);
  Napi::Value cancel(const Napi::CallbackInfo& info);
  Napi::Value hold(const Napi::CallbackInfo& info);
  Napi::Value warm(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  Napi::Value abort(const Napi::CallbackInfo& info);
  Napi::Value counters(const Napi::CallbackInfo& info);
  Napi::Value destroy(const Napi::CallbackInfo& info);
  void release() noexcept;
  template <class Task>
  void post(Task task);

  Napi::ObjectReference channel_ref_;
  ChannelObject* channel_ = nullptr;
  std::shared_ptr<PoolTenant> tenant_;
  std::string authority_;
  http::Timeouts timeouts_;  // of requests that bring none
  // Of the last request: most have the same, which then need not be copied and looked at again.
  std::string method_;
  std::string fields_;
  uint16_t handle_ = 0;
};

}  // namespace tickwire::addon
