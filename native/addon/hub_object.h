// `new addon.Hub(channel, options)`: publishes on the calling thread; what happens to clients comes as records.
#pragma once
#include <napi.h>

#include <functional>
#include <memory>
#include <vector>

#include "addon/hub_content.h"
#include "addon/hub_tenant.h"
#include "addon/tenant_object.h"

namespace tickwire::addon {

class ChannelObject;

class HubObject final : public Napi::ObjectWrap<HubObject>, public TenantObject {
 public:
  static Napi::Function define(Napi::Env env);
  explicit HubObject(const Napi::CallbackInfo& info);
  ~HubObject() override { release(); }
  [[nodiscard]] std::shared_ptr<feed::ChannelTenant> detach() noexcept override;

 private:
  Napi::Value handle(const Napi::CallbackInfo& info);
  Napi::Value listen(const Napi::CallbackInfo& info);
  Napi::Value topic(const Napi::CallbackInfo& info);
  Napi::Value key(const Napi::CallbackInfo& info);
  Napi::Value publish(const Napi::CallbackInfo& info);
  Napi::Value publish_typed(const Napi::CallbackInfo& info);
  Napi::Value publish_all(const Napi::CallbackInfo& info);
  Napi::Value publish_snapshot(const Napi::CallbackInfo& info);
  Napi::Value authorize(const Napi::CallbackInfo& info);
  Napi::Value disconnect(const Napi::CallbackInfo& info);
  Napi::Value send(const Napi::CallbackInfo& info);
  Napi::Value counters(const Napi::CallbackInfo& info);
  Napi::Value measure(const Napi::CallbackInfo& info);
  Napi::Value beat(const Napi::CallbackInfo& info);
  Napi::Value close_shm(const Napi::CallbackInfo& info);
  Napi::Value drain(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  Napi::Value destroy(const Napi::CallbackInfo& info);
  void release() noexcept;
  [[nodiscard]] HubTenant& open_tenant(Napi::Env env);

  Napi::ObjectReference channel_ref_;
  ChannelObject* channel_ = nullptr;
  std::shared_ptr<HubTenant> tenant_;
  uint16_t handle_ = 0;
  // Of publishAll(), used again.
  HubContents contents_;
  std::vector<hub::Message> messages_;
};

}  // namespace tickwire::addon
