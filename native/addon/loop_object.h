// `new addon.Loop({ mode, cpu })`.
#pragma once
#include <napi.h>

#include <memory>

#include "addon/loop_host.h"

namespace tickwire::addon {

class LoopObject final : public Napi::ObjectWrap<LoopObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit LoopObject(const Napi::CallbackInfo& info);
  // Null once closed.
  [[nodiscard]] const std::shared_ptr<LoopHost>& host() const noexcept { return host_; }

 private:
  Napi::Value close(const Napi::CallbackInfo& info);
  Napi::Value cpu_time_ns(const Napi::CallbackInfo& info);
  Napi::Value run_once(const Napi::CallbackInfo& info);

  std::shared_ptr<LoopHost> host_;
};

}  // namespace tickwire::addon
