#include "addon/hub_object.h"

#include <algorithm>
#include <string>
#include <utility>

#include "addon/channel_object.h"
#include "addon/hub_options.h"
#include "addon/js_values.h"
#include "addon/throw_error.h"

namespace tickwire::addon {

Napi::Function HubObject::define(Napi::Env env) {
  return DefineClass(
      env, "Hub",
      {InstanceMethod<&HubObject::listen>("listen"), InstanceMethod<&HubObject::topic>("topic"),
       InstanceMethod<&HubObject::key>("key"), InstanceMethod<&HubObject::publish>("publish"),
       InstanceMethod<&HubObject::publish_typed>("publishTyped"), InstanceMethod<&HubObject::publish_all>("publishAll"),
       InstanceMethod<&HubObject::publish_snapshot>("publishSnapshot"),
       InstanceMethod<&HubObject::authorize>("authorize"), InstanceMethod<&HubObject::disconnect>("disconnect"),
       InstanceMethod<&HubObject::send>("send"), InstanceMethod<&HubObject::counters>("counters"),
       InstanceMethod<&HubObject::measure>("measure"), InstanceMethod<&HubObject::beat>("beat"),
       InstanceMethod<&HubObject::close_shm>("closeShm"), InstanceMethod<&HubObject::drain>("drain"),
       InstanceMethod<&HubObject::close>("close"), InstanceMethod<&HubObject::destroy>("destroy"),
       InstanceAccessor<&HubObject::handle>("handle")});
}

HubObject::HubObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  const auto object = info[0].As<Napi::Object>();
  ChannelObject* const on = ChannelObject::Unwrap(object);
  if (on == nullptr || on->closed()) throw_error(env, {Errc::kNotOpen, 0, "the channel is closed"});
  const auto js = info[1].As<Napi::Object>();
  const uint16_t handle = on->take_handle();
  if (handle == 0) throw_channel_full(env);
  auto tenant =
      HubTenant::create(on->core()->channel, read_hub_options(js), static_cast<uint32_t>(size(js, "threads")), handle);
  if (!tenant.ok()) throw_error(env, tenant.error());
  handle_ = handle;
  channel_ = on;
  tenant_ = std::move(tenant.value());
  channel_ref_ = Napi::Persistent(object);
  channel_->adopt(*this, tenant_, {});
}

std::shared_ptr<feed::ChannelTenant> HubObject::detach() noexcept {
  channel_ = nullptr;
  return std::move(tenant_);
}

void HubObject::release() noexcept {
  if (channel_ == nullptr) return;
  channel_->forget(*this);
  channel_->destroy(std::move(tenant_));
  tenant_ = nullptr;
  channel_ = nullptr;
  channel_ref_.Reset();
}

HubTenant& HubObject::open_tenant(Napi::Env env) {
  if (tenant_ == nullptr) throw_error(env, {Errc::kNotOpen, 0, "the hub is closed"});
  return *tenant_;
}

Napi::Value HubObject::handle(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), handle_); }

// listen(options): the ports in use, in the order of the endpoints.
Napi::Value HubObject::listen(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  HubTenant& tenant = open_tenant(env);
  auto options = read_front_options(info[0].As<Napi::Object>());
  if (!options.ok()) throw_error(env, options.error());
  const size_t endpoints = options.value().endpoints.size();
  Result<void> listening;
  channel_->host().run_and_wait([&] { listening = tenant.listen(std::move(options.value())); });
  if (!listening.ok()) throw_error(env, listening.error());
  auto ports = Napi::Array::New(env, endpoints);
  for (uint32_t i = 0; i < endpoints; ++i) ports.Set(i, Napi::Number::New(env, tenant.front()->address(i).port()));
  return ports;
}

// topic(name, { retain, conflate, snapshot })
Napi::Value HubObject::topic(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto id =
      open_tenant(env).hub().topic(info[0].ToString().Utf8Value(), read_topic_options(info[1].As<Napi::Object>()));
  if (!id.ok()) throw_error(env, id.error());
  return Napi::Number::New(env, id.value());
}

Napi::Value HubObject::key(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto id = open_tenant(env).hub().key(info[0].ToString().Utf8Value());
  if (!id.ok()) throw_error(env, id.error());
  return Napi::Number::New(env, id.value());
}

Napi::Value HubObject::authorize(const Napi::CallbackInfo& info) {
  if (tenant_ != nullptr && tenant_->front() != nullptr) {
    tenant_->front()->answer(static_cast<hub::SubscriberId>(info[0].ToNumber().Int64Value()),
                             read_authorize_answer(info[1].As<Napi::Object>()));
  }
  return info.Env().Undefined();
}

Napi::Value HubObject::disconnect(const Napi::CallbackInfo& info) {
  if (tenant_ != nullptr) {
    tenant_->hub().disconnect(static_cast<hub::SubscriberId>(info[0].ToNumber().Int64Value()),
                              static_cast<uint16_t>(info[1].ToNumber().Uint32Value()), info[2].ToString().Utf8Value());
  }
  return info.Env().Undefined();
}

// In the order of HubCounters, FrontCounters and RefusalReasons in lib/native/hub-layout.ts.
Napi::Value HubObject::counters(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  hub::Counters c;
  hub::FrontCounters f;
  uint64_t lost = 0;
  if (tenant_ != nullptr) {
    c = tenant_->hub().counters();
    if (tenant_->front() != nullptr) f = tenant_->front()->counters();
    lost = tenant_->events_lost();
  }
  const uint64_t values[] = {
      c.published,
      c.published_bytes,
      c.refused,
      c.snapshots,
      c.topics,
      c.keys,
      c.kept,
      c.kept_bytes,
      c.not_kept,
      c.shm_messages,
      c.shm_unwritten,
      c.subscribers,
      c.connected,
      c.disconnected,
      c.deliveries,
      c.bytes,
      c.writes,
      c.passes,
      c.blocked,
      c.slow,
      c.skipped,
      c.conflated,
      c.slow_disconnects,
      c.received,
      c.received_bytes,
      c.requests,
      c.refused_requests,
      c.violations,
      c.idle_disconnects,
      lost,
      f.accepted,
      f.admitted,
      f.health,
      f.aborted,
      f.accept_failed,
      f.pending,
      f.connections,
  };
  const size_t own = std::size(values);
  auto out = Napi::Float64Array::New(env, own + std::size(f.refused));
  for (size_t i = 0; i < own; ++i) out[i] = static_cast<double>(values[i]);
  for (size_t i = 0; i < std::size(f.refused); ++i) out[own + i] = static_cast<double>(f.refused[i]);
  return out;
}

// measure(request, id | 0)
Napi::Value HubObject::measure(const Napi::CallbackInfo& info) {
  if (tenant_ != nullptr) {
    tenant_->hub().measure(static_cast<uint64_t>(info[0].ToNumber().Int64Value()),
                           static_cast<hub::SubscriberId>(info[1].ToNumber().Int64Value()));
  }
  return info.Env().Undefined();
}

Napi::Value HubObject::beat(const Napi::CallbackInfo& info) {
  if (tenant_ != nullptr) tenant_->hub().beat();
  return info.Env().Undefined();
}

Napi::Value HubObject::close_shm(const Napi::CallbackInfo& info) {
  if (tenant_ != nullptr) tenant_->hub().close_shm();
  return info.Env().Undefined();
}

Napi::Value HubObject::drain(const Napi::CallbackInfo& info) {
  if (tenant_ != nullptr && tenant_->front() != nullptr) tenant_->front()->drain();
  return info.Env().Undefined();
}

Napi::Value HubObject::close(const Napi::CallbackInfo& info) {
  if (tenant_ != nullptr) {
    const auto grace_ns = static_cast<int64_t>(std::clamp(info[0].ToNumber().DoubleValue(), 0.0, 3.2e9) * 1e6);
    tenant_->hub().stop_publishing();  // at once: whoever calls publish() after close() is told so
    (void)channel_->host().loop().post([tenant = tenant_, grace_ns] { tenant->close(grace_ns); });
  }
  return info.Env().Undefined();
}

Napi::Value HubObject::destroy(const Napi::CallbackInfo& info) {
  release();
  return info.Env().Undefined();
}

}  // namespace tickwire::addon
