#include "addon/feed_control.h"

#include <string>
#include <utility>

#include "addon/channel_object.h"
#include "addon/throw_error.h"

namespace tickwire::addon {

Napi::Value code_of(Napi::Env env, const Result<void>& result) {
  return Napi::Number::New(env, static_cast<double>(result.ok() ? Errc::kNone : result.error().code));
}

Napi::Value not_open(Napi::Env env) { return Napi::Number::New(env, static_cast<double>(Errc::kNotOpen)); }

void FeedControl::attach(Napi::Env env, Napi::Value channel, const Make& make,
                         std::vector<Napi::ObjectReference> memory) {
  const auto object = channel.As<Napi::Object>();
  ChannelObject* const on = ChannelObject::Unwrap(object);
  if (on == nullptr || on->closed()) return throw_error(env, {Errc::kNotOpen, 0, "the channel is closed"});
  const uint16_t handle = on->take_handle();
  if (handle == 0) return throw_channel_full(env);
  auto feed = make(on->core()->channel, handle);
  if (!feed.ok()) return throw_error(env, feed.error());
  handle_ = handle;
  channel_ = on;
  feed_ = std::move(feed.value());
  channel_ref_ = Napi::Persistent(object);
  channel_->adopt(*this, feed_, std::move(memory));
}

std::shared_ptr<feed::ChannelTenant> FeedControl::detach() noexcept {
  channel_ = nullptr;
  return std::move(feed_);
}

void FeedControl::release() noexcept {
  if (channel_ == nullptr) return;
  channel_->forget(*this);
  channel_->destroy(std::move(feed_));
  feed_ = nullptr;
  channel_ = nullptr;
  channel_ref_.Reset();
}

void FeedControl::post(std::function<void(feed::FeedCore&)> task) {
  if (channel_ == nullptr) return;
  (void)channel_->host().loop().post([feed = feed_, task = std::move(task)] { task(*feed); });
}

Napi::Value FeedControl::open(const Napi::CallbackInfo& info) {
  post([](feed::FeedCore& feed) { feed.open(); });
  return info.Env().Undefined();
}

Napi::Value FeedControl::close(const Napi::CallbackInfo& info) {
  const auto code = static_cast<uint16_t>(info[0].ToNumber().Uint32Value());
  post([code, reason = info[1].ToString().Utf8Value()](feed::FeedCore& feed) { feed.close(code, reason); });
  return info.Env().Undefined();
}

Napi::Value FeedControl::abort(const Napi::CallbackInfo& info) {
  post([](feed::FeedCore& feed) { feed.abort(); });
  return info.Env().Undefined();
}

Napi::Value FeedControl::reconnect(const Napi::CallbackInfo& info) {
  post([](feed::FeedCore& feed) { feed.reconnect(); });
  return info.Env().Undefined();
}

Napi::Value FeedControl::ping(const Napi::CallbackInfo& info) {
  return feed_ == nullptr ? not_open(info.Env()) : code_of(info.Env(), feed_->ping());
}

Napi::Value FeedControl::send_queue_bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), feed_ == nullptr ? 0 : static_cast<double>(feed_->send_queue_bytes()));
}

Napi::Value FeedControl::destroy(const Napi::CallbackInfo& info) {
  release();
  return info.Env().Undefined();
}

}  // namespace tickwire::addon
