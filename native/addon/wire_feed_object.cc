#include "addon/wire_feed_object.h"

#include <memory>
#include <utility>
#include <vector>

#include "addon/js_values.h"
#include "addon/throw_error.h"
#include "addon/wire_feed_options.h"

namespace tickwire::addon {

namespace {

// FeedControl holds what attach() made.
feed::WireFeed& wire(feed::FeedCore& feed) noexcept { return static_cast<feed::WireFeed&>(feed); }

}  // namespace

Napi::Function WireFeedObject::define(Napi::Env env) {
  return DefineClass(
      env, "WireFeed",
      {InstanceMethod<&WireFeedObject::open>("open"), InstanceMethod<&WireFeedObject::close>("close"),
       InstanceMethod<&WireFeedObject::abort>("abort"), InstanceMethod<&WireFeedObject::ping>("ping"),
       InstanceMethod<&WireFeedObject::reconnect>("reconnect"),
       InstanceMethod<&WireFeedObject::send_queue_bytes>("sendQueueBytes"),
       InstanceMethod<&WireFeedObject::destroy>("destroy"), InstanceMethod<&WireFeedObject::subscribe>("subscribe"),
       InstanceMethod<&WireFeedObject::unsubscribe>("unsubscribe"),
       InstanceAccessor<&WireFeedObject::handle>("handle")});
}

WireFeedObject::WireFeedObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  std::vector<Napi::ObjectReference> memory;
  auto options = read_wire_feed_options(info[1].As<Napi::Object>(), memory);
  if (!options.ok()) {
    throw_error(env, options.error());
    return;
  }
  control_.attach(
      env, info[0],
      [&options](feed::Channel& channel, uint16_t number) -> Result<std::unique_ptr<feed::FeedCore>> {
        auto feed = feed::WireFeed::create(channel, std::move(options.value()), number);
        if (!feed.ok()) return feed.error();
        return std::unique_ptr<feed::FeedCore>(std::move(feed.value()));
      },
      std::move(memory));
}

Napi::Value WireFeedObject::subscribe(const Napi::CallbackInfo& info) {
  control_.post([wanted = read_wire_topics(info[0].As<Napi::Object>())](feed::FeedCore& feed) {
    wire(feed).subscribe(wanted.topics, wanted.filter);
  });
  return info.Env().Undefined();
}

Napi::Value WireFeedObject::unsubscribe(const Napi::CallbackInfo& info) {
  control_.post(
      [topics = texts(info[0].As<Napi::Object>(), "topics")](feed::FeedCore& feed) { wire(feed).unsubscribe(topics); });
  return info.Env().Undefined();
}

}  // namespace tickwire::addon
