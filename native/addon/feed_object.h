// `new addon.Feed(channel, options)`.
#pragma once
#include <napi.h>

#include "addon/feed_control.h"
#include "feed/feed.h"

namespace tickwire::addon {

class FeedObject final : public Napi::ObjectWrap<FeedObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit FeedObject(const Napi::CallbackInfo& info);

 private:
  Napi::Value handle(const Napi::CallbackInfo& info) { return control_.handle(info.Env()); }
  Napi::Value open(const Napi::CallbackInfo& info) { return control_.open(info); }
  Napi::Value close(const Napi::CallbackInfo& info) { return control_.close(info); }
  Napi::Value abort(const Napi::CallbackInfo& info) { return control_.abort(info); }
  Napi::Value ping(const Napi::CallbackInfo& info) { return control_.ping(info); }
  Napi::Value reconnect(const Napi::CallbackInfo& info) { return control_.reconnect(info); }
  Napi::Value send_queue_bytes(const Napi::CallbackInfo& info) { return control_.send_queue_bytes(info); }
  Napi::Value destroy(const Napi::CallbackInfo& info) { return control_.destroy(info); }
  Napi::Value set_greeting(const Napi::CallbackInfo& info);
  Napi::Value send(const Napi::CallbackInfo& info);
  Napi::Value send_batch(const Napi::CallbackInfo& info);
  // Null once it was given back.
  [[nodiscard]] feed::Feed* feed() const noexcept { return static_cast<feed::Feed*>(control_.feed().get()); }

  FeedControl control_;
};

}  // namespace tickwire::addon
