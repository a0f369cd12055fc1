// What the JS objects of all kinds of feeds have in common: the share in the feed, its place on the channel, and the
// calls that steer it.
#pragma once
#include <napi.h>

#include <functional>
#include <memory>
#include <vector>

#include "addon/tenant_object.h"
#include "feed/feed_core.h"

namespace tickwire::addon {

class ChannelObject;

class FeedControl final : public TenantObject {
 public:
  using Make = std::function<Result<std::unique_ptr<feed::FeedCore>>(feed::Channel& channel, uint16_t handle)>;

  FeedControl() = default;
  ~FeedControl() { release(); }
  FeedControl(const FeedControl&) = delete;
  FeedControl& operator=(const FeedControl&) = delete;

  // Makes the feed on the channel that `channel` is; `memory` is kept until the feed is gone. Throws into JS.
  void attach(Napi::Env env, Napi::Value channel, const Make& make, std::vector<Napi::ObjectReference> memory);
  // The feed, or null once it was given back.
  [[nodiscard]] const std::shared_ptr<feed::FeedCore>& feed() const noexcept { return feed_; }
  [[nodiscard]] std::shared_ptr<feed::ChannelTenant> detach() noexcept override;

  [[nodiscard]] Napi::Value handle(Napi::Env env) const { return Napi::Number::New(env, handle_); }
  Napi::Value open(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  Napi::Value abort(const Napi::CallbackInfo& info);
  Napi::Value reconnect(const Napi::CallbackInfo& info);
  Napi::Value ping(const Napi::CallbackInfo& info);
  Napi::Value send_queue_bytes(const Napi::CallbackInfo& info);
  Napi::Value destroy(const Napi::CallbackInfo& info);

  // Runs `task` on the loop's thread; not at all when the feed was given back.
  void post(std::function<void(feed::FeedCore&)> task);

 private:
  void release() noexcept;

  Napi::ObjectReference channel_ref_;
  ChannelObject* channel_ = nullptr;
  std::shared_ptr<feed::FeedCore> feed_;
  uint16_t handle_ = 0;
};

// A result as the number that JS looks up in errorCodes().
[[nodiscard]] Napi::Value code_of(Napi::Env env, const Result<void>& result);
[[nodiscard]] Napi::Value not_open(Napi::Env env);

}  // namespace tickwire::addon
