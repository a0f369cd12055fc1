// `new addon.Feed(channel, options)`.
#pragma once
#include <napi.h>

#include <memory>

#include "feed/feed.h"

namespace tickwire::addon {

class ChannelObject;

class FeedObject final : public Napi::ObjectWrap<FeedObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit FeedObject(const Napi::CallbackInfo& info);
  ~FeedObject() override;
  [[nodiscard]] const std::shared_ptr<feed::Feed>& feed() const noexcept { return feed_; }
  // The channel closes: gives this object's share away and forgets the channel.
  [[nodiscard]] std::shared_ptr<feed::Feed> detach() noexcept;

 private:
  Napi::Value handle(const Napi::CallbackInfo& info);
  Napi::Value open(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  Napi::Value abort(const Napi::CallbackInfo& info);
  Napi::Value send(const Napi::CallbackInfo& info);
  Napi::Value send_batch(const Napi::CallbackInfo& info);
  Napi::Value ping(const Napi::CallbackInfo& info);
  Napi::Value reconnect(const Napi::CallbackInfo& info);
  Napi::Value send_queue_bytes(const Napi::CallbackInfo& info);
  Napi::Value destroy(const Napi::CallbackInfo& info);
  void release() noexcept;

  Napi::ObjectReference channel_ref_;
  ChannelObject* channel_ = nullptr;
  std::shared_ptr<feed::Feed> feed_;
  uint16_t handle_ = 0;
};

}  // namespace tickwire::addon
