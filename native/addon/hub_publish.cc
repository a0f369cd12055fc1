// The part of addon.Hub that messages pass through.
#include <algorithm>
#include <vector>

#include "addon/hub_content.h"
#include "addon/hub_object.h"

namespace tickwire::addon {

namespace {

// Numbers as callers give them, without the checks and the exceptions of a conversion: arguments are the library's own.
uint32_t integer(napi_env env, napi_value value) noexcept {
  uint32_t out = 0;
  (void)napi_get_value_uint32(env, value, &out);
  return out;
}

// Statuses are negative, so that they can be told from sequence numbers and counts.
Napi::Value status_value(Napi::Env env, hub::PublishStatus status) {
  return Napi::Number::New(env, -static_cast<double>(status));
}

Napi::Value result_value(Napi::Env env, const hub::PublishResult& result) {
  if (result.status != hub::PublishStatus::kPublished) return status_value(env, result.status);
  return Napi::Number::New(env, static_cast<double>(result.sequence));
}

// The order is that of ContentKinds in lib/native/hub-layout.ts. Bytes may hold text, by the publisher's word.
hub::PayloadKind kind_of(uint32_t wish, bool is_bytes) noexcept {
  constexpr uint32_t kJson = 1;
  constexpr uint32_t kText = 2;
  if (wish == kJson) return hub::PayloadKind::kJson;
  if (wish == kText || !is_bytes) return hub::PayloadKind::kText;
  return hub::PayloadKind::kBinary;
}

std::vector<hub::KeyId> key_list(napi_env env, Napi::Value value) {
  std::vector<hub::KeyId> keys;
  if (!value.IsArray()) return keys;
  const auto list = value.As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); ++i) keys.push_back(integer(env, list.Get(i)));
  return keys;
}

}  // namespace

// publish(topic, key, message, kind)
Napi::Value HubObject::publish(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (tenant_ == nullptr) return status_value(env, hub::PublishStatus::kClosed);
  HubContent content;
  content.read(env, info[2]);
  hub::Message message;
  message.topic = static_cast<hub::TopicId>(integer(env, info[0]));
  message.key = integer(env, info[1]);
  message.kind = kind_of(integer(env, info[3]), content.is_bytes());
  message.payload = content.bytes();
  return result_value(env, tenant_->hub().publish(message));
}

// publishTyped(topic, key, domain × 256 + type, payload, bytes of it, mentions | null, text | null)
Napi::Value HubObject::publish_typed(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (tenant_ == nullptr) return status_value(env, hub::PublishStatus::kClosed);
  HubContent payload;
  payload.read(env, info[3]);
  HubContent text;
  text.read_if_text(env, info[6]);
  const uint32_t type = integer(env, info[2]);
  hub::Message message;
  message.topic = static_cast<hub::TopicId>(integer(env, info[0]));
  message.key = integer(env, info[1]);
  message.kind = hub::PayloadKind::kTyped;
  message.wire_domain = static_cast<uint8_t>(type >> 8);
  message.wire_type = static_cast<uint8_t>(type);
  message.payload = payload.bytes().first(std::min<size_t>(integer(env, info[4]), payload.bytes().size()));
  message.text = text.bytes();
  const std::vector<hub::KeyId> mentions = key_list(env, info[5]);
  message.mentions = mentions;
  return result_value(env, tenant_->hub().publish(message));
}

// publishAll(topic, key, messages, kinds): how many were taken. `kinds`: one for all, or an array.
Napi::Value HubObject::publish_all(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (tenant_ == nullptr) return status_value(env, hub::PublishStatus::kClosed);
  const auto list = info[2].As<Napi::Array>();
  const uint32_t count = list.Length();
  contents_.clear();
  for (uint32_t i = 0; i < count; ++i) contents_.add(env, list.Get(i));
  const auto topic = static_cast<hub::TopicId>(integer(env, info[0]));
  const hub::KeyId key = integer(env, info[1]);
  const bool each = info[3].IsArray();
  const uint32_t kind = each ? 0 : integer(env, info[3]);
  messages_.resize(count);
  for (uint32_t i = 0; i < count; ++i) {
    hub::Message& m = messages_[i];
    m = {};
    m.topic = topic;
    m.key = key;
    m.kind = kind_of(each ? integer(env, info[3].As<Napi::Array>().Get(i)) : kind, contents_.is_bytes(i));
    m.payload = contents_.bytes(i);
  }
  const auto result = tenant_->hub().publish(messages_);
  if (result.published == 0 && count != 0) return status_value(env, result.status);
  return Napi::Number::New(env, static_cast<double>(result.published));
}

// publishSnapshot(topic, messages): of each message { key, kind, content, mentions, text }, where a kind of 256 and
// more is a typed one's domain × 256 + type. 0 or a status.
Napi::Value HubObject::publish_snapshot(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (tenant_ == nullptr) return status_value(env, hub::PublishStatus::kClosed);
  constexpr uint32_t kTyped = 256;
  const auto topic = static_cast<hub::TopicId>(integer(env, info[0]));
  const auto list = info[1].As<Napi::Array>();
  std::vector<HubContent> contents(list.Length());
  std::vector<HubContent> texts(contents.size());
  std::vector<std::vector<hub::KeyId>> mentions(contents.size());
  std::vector<hub::Message> messages(contents.size());
  for (uint32_t i = 0; i < contents.size(); ++i) {
    const auto js = list.Get(i).As<Napi::Object>();
    contents[i].read(env, js.Get("content"));
    hub::Message& m = messages[i];
    m.topic = topic;
    m.key = integer(env, js.Get("key"));
    m.payload = contents[i].bytes();
    const uint32_t kind = integer(env, js.Get("kind"));
    m.kind = kind_of(kind, contents[i].is_bytes());
    if (kind < kTyped) continue;
    m.kind = hub::PayloadKind::kTyped;
    m.wire_domain = static_cast<uint8_t>(kind >> 8);
    m.wire_type = static_cast<uint8_t>(kind);
    texts[i].read_if_text(env, js.Get("text"));
    m.text = texts[i].bytes();
    mentions[i] = key_list(env, js.Get("mentions"));
    m.mentions = mentions[i];
  }
  return status_value(env, tenant_->hub().publish_snapshot(topic, messages));
}

// send(id, message, kind): false when it is too large.
Napi::Value HubObject::send(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  HubContent content;
  content.read(env, info[1]);
  const auto id = static_cast<hub::SubscriberId>(info[0].ToNumber().Int64Value());
  const hub::PayloadKind kind = kind_of(integer(env, info[2]), content.is_bytes());
  return Napi::Boolean::New(env, tenant_ != nullptr && tenant_->hub().send(id, kind, content.bytes()));
}

}  // namespace tickwire::addon
