#include "addon/shm_object.h"

#include <string>
#include <utility>

#include "addon/js_values.h"
#include "addon/throw_error.h"
#include "base/clock.h"
#include "shm/parking.h"

namespace tickwire::addon {

Napi::Function ShmObject::define(Napi::Env env) {
  return DefineClass(
      env, "ShmSegment",
      {InstanceMethod<&ShmObject::wake>("wake"), InstanceMethod<&ShmObject::beat>("beat"),
       InstanceMethod<&ShmObject::writer_alive>("writerAlive"), InstanceMethod<&ShmObject::watch>("watch"),
       InstanceMethod<&ShmObject::arm>("arm"), InstanceMethod<&ShmObject::ref>("ref"),
       InstanceMethod<&ShmObject::unref>("unref"), InstanceMethod<&ShmObject::close>("close")});
}

ShmObject::ShmObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  const auto js = info[0].As<Napi::Object>();
  writer_ = text(js, "role") == "writer";
  const shm::Place place{
      .name = text(js, "name"), .directory = text(js, "directory"), .owner = js.Get("owner").ToNumber().Int64Value()};
  Result<shm::Segment> segment = writer_ ? shm::Segment::create(place, {.capacity = size(js, "ring"),
                                                                        .table_capacity = size(js, "table"),
                                                                        .mode = static_cast<uint32_t>(size(js, "mode")),
                                                                        .first_position = size(js, "firstPosition")})
                                         : shm::Segment::open(place);
  if (!segment.ok()) throw_error(env, segment.error());
  segment_ = std::make_shared<shm::Segment>(std::move(segment.value()));
  open_ = true;
  map(env);
}

// On failure the segment is closed by the destructor, or by the last share.
void ShmObject::map(Napi::Env env) {
  auto share = std::make_unique<std::shared_ptr<shm::Segment>>(segment_);
  napi_value memory = nullptr;
  const napi_status status = napi_create_external_arraybuffer(
      env, segment_->memory(), segment_->bytes(),
      [](napi_env, void*, void* hint) { delete static_cast<std::shared_ptr<shm::Segment>*>(hint); }, share.get(),
      &memory);
  if (status != napi_ok) {
    if (writer_) segment_->close_writing();
    if (status == napi_no_external_buffers_allowed) {
      throw_error(env, {Errc::kShmExternalBuffer, 0, "this host forbids buffers over memory that is not its own"});
    }
    throw_error(env, {Errc::kSystem, status, "napi_create_external_arraybuffer"});
  }
  static_cast<void>(share.release());  // the finalizer's
  const shm::Identity& identity = segment_->identity();
  auto self = Value();
  self.Set("memory", memory);
  self.Set("ring", static_cast<double>(identity.capacity));
  self.Set("table", static_cast<double>(identity.table_capacity));
  self.Set("dataOffset", static_cast<double>(identity.data_offset));
  self.Set("epoch", static_cast<double>(identity.epoch));
  self.Set("writerPid", static_cast<double>(identity.writer_pid));
  self.Set("path", segment_->path());
}

ShmObject::~ShmObject() {
  stop_watching();
  if (open_ && segment_ != nullptr && writer_) segment_->close_writing();
}

Napi::Value ShmObject::wake(const Napi::CallbackInfo& info) {
  if (open_ && segment_->park() != nullptr) shm::wake_readers(*segment_->park());
  return info.Env().Undefined();
}

Napi::Value ShmObject::beat(const Napi::CallbackInfo& info) {
  if (open_ && writer_) {
    shm::header_of(segment_->memory()).heartbeat_ns.store(static_cast<uint64_t>(mono_ns()), std::memory_order_relaxed);
  }
  return info.Env().Undefined();
}

Napi::Value ShmObject::writer_alive(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), open_ && segment_->writer_alive());
}

Napi::Value ShmObject::watch(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!open_ || watcher_ != nullptr) return env.Undefined();
  uv_loop_t* uv = nullptr;
  if (napi_get_uv_event_loop(env, &uv) != napi_ok) throw_error(env, {Errc::kSystem, 0, "no libuv loop"});
  auto signal = std::make_unique<Signal>();
  const int rc = uv_async_init(uv, &signal->async, [](uv_async_t* handle) {
    if (ShmObject* owner = static_cast<Signal*>(handle->data)->owner) owner->on_signal();
  });
  if (rc != 0) throw_error(env, {Errc::kSystem, -rc, "uv_async_init"});
  signal->async.data = signal.get();
  signal->owner = this;
  signal_ = signal.release();
  on_more_ = Napi::Persistent(info[0].As<Napi::Function>());
  context_ = std::make_shared<Napi::AsyncContext>(env, "tickwire:shm");
  // When the environment ends, the thread must be gone before the handle that it signals.
  napi_add_async_cleanup_hook(
      env,
      [](napi_async_cleanup_hook_handle hook, void* self) {
        auto* object = static_cast<ShmObject*>(self);
        object->signal_->hook = hook;
        object->hook_ = nullptr;
        object->stop_watching();
      },
      this, &hook_);
  Result<std::unique_ptr<shm::Watcher>> watcher = shm::Watcher::start(*segment_, *signal_);
  if (!watcher.ok()) {
    stop_watching();
    throw_error(env, watcher.error());
  }
  watcher_ = std::move(watcher.value());
  return env.Undefined();
}

// By halves, as JavaScript keeps positions.
Napi::Value ShmObject::arm(const Napi::CallbackInfo& info) {
  const uint64_t low = info[0].ToNumber().Uint32Value();
  const uint64_t high = info[1].ToNumber().Uint32Value();
  if (watcher_ != nullptr) watcher_->arm(low | high << 32);
  return info.Env().Undefined();
}

Napi::Value ShmObject::ref(const Napi::CallbackInfo& info) {
  if (signal_ != nullptr) uv_ref(reinterpret_cast<uv_handle_t*>(&signal_->async));
  return info.Env().Undefined();
}

Napi::Value ShmObject::unref(const Napi::CallbackInfo& info) {
  if (signal_ != nullptr) uv_unref(reinterpret_cast<uv_handle_t*>(&signal_->async));
  return info.Env().Undefined();
}

Napi::Value ShmObject::close(const Napi::CallbackInfo& info) {
  if (open_) {
    open_ = false;
    stop_watching();
    if (writer_) {
      segment_->close_writing();
    } else {
      segment_->close_reading();
    }
  }
  return info.Env().Undefined();
}

void ShmObject::on_signal() {
  try {
    const Napi::Env env = Env();
    const Napi::HandleScope scope(env);
    if (on_more_.IsEmpty()) return;
    const std::shared_ptr<Napi::AsyncContext> context = context_;  // the call may close this object
    napi_value result = nullptr;
    const napi_status status = napi_make_callback(env, *context, Value(), on_more_.Value(), 0, nullptr, &result);
    if (status == napi_pending_exception) {
      napi_value error = nullptr;
      if (napi_get_and_clear_last_exception(env, &error) == napi_ok) (void)napi_fatal_exception(env, error);
    }
  } catch (const Napi::Error&) {
    // The environment is ending: nobody is there to be called.
  }
}

void ShmObject::stop_watching() {
  if (signal_ == nullptr) return;
  watcher_.reset();  // joins: nobody signals from here on
  Signal* const signal = std::exchange(signal_, nullptr);
  signal->owner = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&signal->async), [](uv_handle_t* handle) {
    const std::unique_ptr<Signal> last(static_cast<Signal*>(handle->data));
    if (last->hook != nullptr) (void)napi_remove_async_cleanup_hook(last->hook);
  });
  if (hook_ != nullptr) (void)napi_remove_async_cleanup_hook(std::exchange(hook_, nullptr));
  on_more_.Reset();
  context_.reset();
}

Napi::Value shm_list(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto listed = shm::list_segments(info[0].ToString().Utf8Value(), info[1].ToNumber().Int64Value());
  if (!listed.ok()) throw_error(env, listed.error());
  auto array = Napi::Array::New(env, listed.value().size());
  uint32_t n = 0;
  for (const shm::Listed& one : listed.value()) {
    auto js = Napi::Object::New(env);
    js.Set("name", one.name);
    js.Set("bytes", static_cast<double>(one.bytes));
    js.Set("valid", one.valid);
    js.Set("alive", one.alive);
    js.Set("ring", static_cast<double>(one.capacity));
    js.Set("epoch", static_cast<double>(one.epoch));
    js.Set("writerPid", static_cast<double>(one.writer_pid));
    js.Set("createdMs", static_cast<double>(one.created_ns) / 1e6);
    array.Set(n++, js);
  }
  return array;
}

Napi::Value shm_unlink_stale(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto removed = shm::unlink_stale(info[0].ToString().Utf8Value(), info[1].ToString().Utf8Value());
  if (!removed.ok()) throw_error(env, removed.error());
  auto array = Napi::Array::New(env, removed.value().size());
  uint32_t n = 0;
  for (const std::string& name : removed.value()) array.Set(n++, Napi::String::New(env, name));
  return array;
}

}  // namespace tickwire::addon
