#include "addon/arbiter_object.h"

#include <algorithm>
#include <utility>

#include "addon/channel_object.h"
#include "addon/core_options.h"
#include "addon/js_values.h"
#include "addon/throw_error.h"

namespace tickwire::addon {

namespace {

Result<feed::ArbiterOptions> read_options(const Napi::Object& js, std::vector<Napi::ObjectReference>& memory) {
  feed::ArbiterOptions o;
  auto schema = decode::compile_schema(text(js, "schema"));
  if (!schema.ok()) return schema.error();
  o.schema = std::move(schema.value());
  o.paths = static_cast<uint32_t>(size(js, "paths"));
  o.window = static_cast<uint32_t>(size(js, "window"));
  o.recent = static_cast<uint32_t>(std::min<size_t>(size(js, "recent"), size_t{1} << 24));
  o.wait_ns = ns(js, "wait");
  o.lead_ns = ns(js, "lead");
  o.restart_ns = ns(js, "restart");
  if (js.Get("inOrder").IsObject()) {
    const auto hold = js.Get("inOrder").As<Napi::Object>();
    o.in_order = true;
    o.hold_ns = ns(hold, "window");
    o.hold_rows = static_cast<uint32_t>(size(hold, "rows"));
    o.hold_bytes = size(hold, "bytes");
    o.pending_bytes = size(js, "pendingBytes");
    if (text(js, "overflow") == "dropOldest") o.overflow = feed::Overflow::kDropOldest;
  }
  o.ring_window = static_cast<uint32_t>(size(js, "ringWindow"));
  o.flush_rows = std::max<uint32_t>(1, static_cast<uint32_t>(size(js, "flushRows")));
  auto stats = js.Get("stats").As<Napi::ArrayBuffer>();
  memory.push_back(Napi::Persistent(stats.As<Napi::Object>()));
  o.stats = {static_cast<uint8_t*>(stats.Data()), stats.ByteLength()};
  if (js.Get("conflateMemory").IsArrayBuffer()) {
    o.overflow = feed::Overflow::kConflate;
    const auto conflation = read_conflation(js, o, memory);
    if (!conflation.ok()) return conflation.error();
  }
  return o;
}

}  // namespace

Napi::Function ArbiterObject::define(Napi::Env env) {
  return DefineClass(env, "Arbiter",
                     {InstanceMethod<&ArbiterObject::end>("end"), InstanceMethod<&ArbiterObject::destroy>("destroy"),
                      InstanceAccessor<&ArbiterObject::handle>("handle")});
}

ArbiterObject::ArbiterObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  const auto object = info[0].As<Napi::Object>();
  ChannelObject* const on = ChannelObject::Unwrap(object);
  if (on == nullptr || on->closed()) {
    throw_error(env, {Errc::kNotOpen, 0, "the channel is closed"});
    return;
  }
  auto options = read_options(info[1].As<Napi::Object>(), memory_);
  if (!options.ok()) {
    throw_error(env, options.error());
    return;
  }
  const uint16_t handle = on->take_handle();
  if (handle == 0) {
    throw_channel_full(env);
    return;
  }
  auto arbiter = feed::Arbiter::create(on->core()->channel, std::move(options.value()), handle);
  if (!arbiter.ok()) {
    throw_error(env, arbiter.error());
    return;
  }
  handle_ = handle;
  channel_ = on;
  arbiter_ = std::move(arbiter.value());
  channel_ref_ = Napi::Persistent(object);
  std::vector<Napi::ObjectReference> memory;
  share_memory(memory);
  channel_->adopt(*this, arbiter_, std::move(memory));
}

void ArbiterObject::share_memory(std::vector<Napi::ObjectReference>& memory) const {
  for (const Napi::ObjectReference& each : memory_) memory.push_back(Napi::Persistent(each.Value()));
}

std::shared_ptr<feed::ChannelTenant> ArbiterObject::detach() noexcept {
  channel_ = nullptr;
  return std::move(arbiter_);
}

void ArbiterObject::release() noexcept {
  if (channel_ == nullptr) return;
  channel_->forget(*this);
  channel_->destroy(std::move(arbiter_));
  arbiter_ = nullptr;
  channel_ = nullptr;
  channel_ref_.Reset();
  memory_.clear();
}

Napi::Value ArbiterObject::end(const Napi::CallbackInfo& info) {
  if (channel_ != nullptr) (void)channel_->host().loop().post([arbiter = arbiter_] { arbiter->end(); });
  return info.Env().Undefined();
}

Napi::Value ArbiterObject::destroy(const Napi::CallbackInfo& info) {
  release();
  return info.Env().Undefined();
}

}  // namespace tickwire::addon
