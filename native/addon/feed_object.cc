#include "addon/feed_object.h"

#include <array>
#include <utility>
#include <vector>

#include "addon/feed_options.h"
#include "addon/throw_error.h"

namespace tickwire::addon {

namespace {

// A message to send, as it lies in JS memory (bytes) or copied out of it (text).
class Payload {
 public:
  // False when the value is neither text nor bytes.
  bool read(Napi::Env env, napi_value value) {
    napi_valuetype type;
    if (napi_typeof(env, value, &type) != napi_ok) return false;
    if (type == napi_string) return read_text(env, value);
    bool is_typed_array = false;
    if (napi_is_typedarray(env, value, &is_typed_array) != napi_ok || !is_typed_array) return false;
    napi_typedarray_type kind;
    size_t length = 0;
    void* data = nullptr;
    if (napi_get_typedarray_info(env, value, &kind, &length, &data, nullptr, nullptr) != napi_ok) return false;
    if (kind != napi_uint8_array) return false;
    opcode_ = ws::Opcode::kBinary;
    bytes_ = {static_cast<const uint8_t*>(data), length};
    return true;
  }
  [[nodiscard]] ws::Message message() const noexcept { return {opcode_, bytes_}; }

 private:
  bool read_text(Napi::Env env, napi_value value) {
    opcode_ = ws::Opcode::kText;
    size_t length = 0;
    // Short texts, the rule, need one call and no allocation.
    if (napi_get_value_string_utf8(env, value, small_.data(), small_.size(), &length) != napi_ok) return false;
    // A text that was cut fills the buffer but for the terminator, or all but the 3 bytes that its last character would
    // have needed.
    if (length + 4 < small_.size()) {
      bytes_ = {reinterpret_cast<const uint8_t*>(small_.data()), length};
      return true;
    }
    if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return false;
    large_.resize(length + 1);
    if (napi_get_value_string_utf8(env, value, large_.data(), large_.size(), &length) != napi_ok) return false;
    bytes_ = {reinterpret_cast<const uint8_t*>(large_.data()), length};
    return true;
  }

  ws::Opcode opcode_ = ws::Opcode::kText;
  std::span<const uint8_t> bytes_;
  std::array<char, 2048> small_;
  std::vector<char> large_;
};

}  // namespace

Napi::Function FeedObject::define(Napi::Env env) {
  return DefineClass(
      env, "Feed",
      {InstanceMethod<&FeedObject::open>("open"), InstanceMethod<&FeedObject::close>("close"),
       InstanceMethod<&FeedObject::abort>("abort"), InstanceMethod<&FeedObject::send>("send"),
       InstanceMethod<&FeedObject::set_greeting>("setGreeting"), InstanceMethod<&FeedObject::send_batch>("sendBatch"),
       InstanceMethod<&FeedObject::ping>("ping"), InstanceMethod<&FeedObject::reconnect>("reconnect"),
       InstanceMethod<&FeedObject::send_queue_bytes>("sendQueueBytes"), InstanceMethod<&FeedObject::destroy>("destroy"),
       InstanceAccessor<&FeedObject::handle>("handle")});
}

FeedObject::FeedObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  std::vector<Napi::ObjectReference> memory;
  auto options = read_feed_options(info[1].As<Napi::Object>(), memory);
  if (!options.ok()) {
    throw_error(env, options.error());
    return;
  }
  control_.attach(
      env, info[0],
      [&options](feed::Channel& channel, uint16_t number) -> Result<std::unique_ptr<feed::FeedCore>> {
        auto feed = feed::Feed::create(channel, std::move(options.value()), number);
        if (!feed.ok()) return feed.error();
        return std::unique_ptr<feed::FeedCore>(std::move(feed.value()));
      },
      std::move(memory));
}

// setGreeting(list, number)
Napi::Value FeedObject::set_greeting(const Napi::CallbackInfo& info) {
  control_.post([greeting = read_greeting(info[0].As<Napi::Array>()),
                 number = info[1].ToNumber().Uint32Value()](feed::FeedCore& feed) mutable {
    static_cast<feed::Feed&>(feed).set_greeting(std::move(greeting), number);
  });
  return info.Env().Undefined();
}

Napi::Value FeedObject::send(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (feed() == nullptr) return not_open(env);
  Payload payload;
  if (!payload.read(env, info[0])) {
    Napi::TypeError::New(env, "send() takes a string or a Uint8Array").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const auto message = payload.message();
  return code_of(env, feed()->send(message.opcode, message.data));
}

Napi::Value FeedObject::send_batch(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (feed() == nullptr) return not_open(env);
  const auto list = info[0].As<Napi::Array>();
  std::vector<Payload> payloads(list.Length());
  std::vector<ws::Message> messages;
  messages.reserve(payloads.size());
  for (uint32_t i = 0; i < payloads.size(); ++i) {
    if (!payloads[i].read(env, list.Get(i))) {
      Napi::TypeError::New(env, "sendBatch() takes strings or Uint8Arrays").ThrowAsJavaScriptException();
      return env.Undefined();
    }
    messages.push_back(payloads[i].message());
  }
  return code_of(env, feed()->send_batch(messages));
}

}  // namespace tickwire::addon
