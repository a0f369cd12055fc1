// `new addon.Arbiter(channel, options)`: what feeds of one channel share that carry the same streams.
#pragma once
#include <napi.h>

#include <memory>
#include <vector>

#include "addon/tenant_object.h"
#include "feed/arbiter.h"

namespace tickwire::addon {

class ChannelObject;

class ArbiterObject final : public Napi::ObjectWrap<ArbiterObject>, public TenantObject {
 public:
  static Napi::Function define(Napi::Env env);
  explicit ArbiterObject(const Napi::CallbackInfo& info);
  ~ArbiterObject() override { release(); }
  ArbiterObject(const ArbiterObject&) = delete;
  ArbiterObject& operator=(const ArbiterObject&) = delete;

  // Null once it was given back.
  [[nodiscard]] const std::shared_ptr<feed::Arbiter>& arbiter() const noexcept { return arbiter_; }
  // Its memory is written as long as a feed has a share in it: appends references to it.
  void share_memory(std::vector<Napi::ObjectReference>& memory) const;
  [[nodiscard]] std::shared_ptr<feed::ChannelTenant> detach() noexcept override;

 private:
  Napi::Value handle(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), handle_); }
  Napi::Value end(const Napi::CallbackInfo& info);
  Napi::Value destroy(const Napi::CallbackInfo& info);
  void release() noexcept;

  Napi::ObjectReference channel_ref_;
  ChannelObject* channel_ = nullptr;
  std::shared_ptr<feed::Arbiter> arbiter_;
  std::vector<Napi::ObjectReference> memory_;
  uint16_t handle_ = 0;
};

}  // namespace tickwire::addon
