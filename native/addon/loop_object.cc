#include "addon/loop_object.h"

#include <string>

#include "addon/inline_host.h"
#include "addon/thread_host.h"
#include "addon/throw_error.h"

namespace tickwire::addon {

Napi::Function LoopObject::define(Napi::Env env) {
  return DefineClass(
      env, "Loop",
      {InstanceMethod<&LoopObject::close>("close"), InstanceMethod<&LoopObject::cpu_time_ns>("cpuTimeNs"),
       InstanceMethod<&LoopObject::run_once>("runOnce")});
}

LoopObject::LoopObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  const auto options = info[0].As<Napi::Object>();
  const std::string mode = options.Get("mode").ToString().Utf8Value();
  if (mode == "inline") {
    auto host = InlineHost::start(env);
    if (!host.ok()) {
      throw_error(env, host.error());
      return;
    }
    host_ = std::move(host.value());
    return;
  }
  LoopThreadOptions thread;
  thread.cpu = options.Get("cpu").ToNumber().Int32Value();
  if (mode == "spin") thread.mode = IdleMode::kSpin;
  if (mode == "backoff") thread.mode = IdleMode::kBackoff;
  auto host = ThreadHost::start(thread);
  if (!host.ok()) {
    throw_error(env, host.error());
    return;
  }
  host_ = std::move(host.value());
}

Napi::Value LoopObject::close(const Napi::CallbackInfo& info) {
  host_.reset();  // the last channel on it keeps it alive until its own end
  return info.Env().Undefined();
}

Napi::Value LoopObject::cpu_time_ns(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), host_ ? static_cast<double>(host_->cpu_time_ns()) : 0);
}

Napi::Value LoopObject::run_once(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), host_ ? host_->run_once() : 0);
}

}  // namespace tickwire::addon
