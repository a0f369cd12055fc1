#include "addon/channel_object.h"

#include "addon/loop_object.h"
#include "addon/throw_error.h"

namespace tickwire::addon {

void AsyncWaker::wake() noexcept {
  // On the JS thread itself no signal is needed: the reader is called when the turn is over.
  if (host_.is_inline() && host_.after_turn(listener_)) return;
  const std::lock_guard lock(mutex_);
  if (async_ != nullptr) (void)uv_async_send(async_);
}

void AsyncWaker::attach(uv_async_t* async) noexcept {
  const std::lock_guard lock(mutex_);
  async_ = async;
}

void AsyncWaker::detach() noexcept { attach(nullptr); }

Napi::Function ChannelObject::define(Napi::Env env) {
  return DefineClass(env, "Channel",
                     {InstanceMethod<&ChannelObject::nudge>("nudge"), InstanceMethod<&ChannelObject::ref>("ref"),
                      InstanceMethod<&ChannelObject::unref>("unref"), InstanceMethod<&ChannelObject::close>("close")});
}

ChannelObject::ChannelObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  LoopObject* loop = LoopObject::Unwrap(info[0].As<Napi::Object>());
  if (loop == nullptr || loop->host() == nullptr) {
    throw_error(env, {Errc::kNotOpen, 0, "the loop is closed"});
    return;
  }
  auto ring_memory = info[1].As<Napi::ArrayBuffer>();
  auto symbol_memory = info[2].As<Napi::ArrayBuffer>();
  const uint32_t max_symbols = info[3].ToNumber().Uint32Value();
  if (symbol_memory.ByteLength() < decode::SymbolTable::kHeaderBytes + size_t{max_symbols} * 8) {
    throw_error(env, {Errc::kSystem, 0, "symbol memory is too small"});
    return;
  }
  auto ring = EventRing::format({static_cast<uint8_t*>(ring_memory.Data()), ring_memory.ByteLength()});
  if (!ring.ok()) {
    throw_error(env, ring.error());
    return;
  }

  uv_loop_t* uv = nullptr;
  if (napi_get_uv_event_loop(env, &uv) != napi_ok) {
    throw_error(env, {Errc::kSystem, 0, "no libuv loop"});
    return;
  }
  auto async = std::make_unique<AsyncState>();
  const int rc = uv_async_init(uv, &async->async, [](uv_async_t* handle) {
    if (ChannelObject* owner = static_cast<AsyncState*>(handle->data)->owner) owner->on_async();
  });
  if (rc != 0) {
    throw_error(env, {Errc::kSystem, -rc, "uv_async_init"});
    return;
  }
  async->async.data = async.get();
  async->owner = this;
  async_ = async.release();
  uv_unref(reinterpret_cast<uv_handle_t*>(&async_->async));

  host_ = loop->host();
  ring_ = Napi::Persistent(ring_memory.As<Napi::Object>());
  symbols_ = Napi::Persistent(symbol_memory.As<Napi::Object>());
  if (info[4].IsFunction()) {
    on_wake_ = Napi::Persistent(info[4].As<Napi::Function>());
    context_ = std::make_shared<Napi::AsyncContext>(env, "tickwire:channel");
  }
  waker_ = std::make_unique<AsyncWaker>(*host_, *this);
  waker_->attach(&async_->async);
  released_ = std::make_shared<Released>();
  released_->waker = waker_.get();
  core_ = std::make_shared<ChannelCore>(
      host_->loop(), ring.value(),
      std::span<uint8_t>(static_cast<uint8_t*>(symbol_memory.Data()), symbol_memory.ByteLength()), max_symbols,
      waker_.get());
  // When the environment ends (process exit, Worker exit), the loop must have let go of the ring before the heap goes.
  napi_add_async_cleanup_hook(
      env,
      [](napi_async_cleanup_hook_handle hook, void* self) {
        auto* channel = static_cast<ChannelObject*>(self);
        channel->async_->hook = hook;
        channel->hook_ = nullptr;
        channel->shut_down();
      },
      this, &hook_);
}

ChannelObject::~ChannelObject() { shut_down(); }

uint16_t ChannelObject::take_handle() {
  // Handles of tenants that are still being destroyed stay taken, or a new one would get the old one's last records.
  for (uint32_t tries = 0; tries < UINT16_MAX; ++tries) {
    const uint16_t handle = next_handle_;
    next_handle_ = next_handle_ == UINT16_MAX ? 1 : static_cast<uint16_t>(next_handle_ + 1);
    if (!memory_.contains(handle)) return handle;
  }
  return 0;
}

void ChannelObject::adopt(TenantObject& object, std::shared_ptr<feed::ChannelTenant> tenant,
                          std::vector<Napi::ObjectReference> memory) {
  memory_[tenant->handle()] = std::move(memory);
  objects_.push_back(&object);
  (void)host_->loop().post([core = core_, tenant = std::move(tenant)] { core->add(tenant); });
}

uint16_t ChannelObject::keep(Napi::ObjectReference memory) {
  const uint16_t handle = take_handle();
  if (handle != 0) memory_[handle].push_back(std::move(memory));
  return handle;
}

void ChannelObject::let_go(uint16_t handle) {
  if (core_ == nullptr) return;
  (void)host_->loop().post([released = released_, handle] {
    const std::lock_guard lock(released->mutex);
    released->handles.push_back(handle);
    if (released->waker != nullptr) released->waker->wake();
  });
}

void ChannelObject::forget(TenantObject& object) noexcept { std::erase(objects_, &object); }

void ChannelObject::destroy(std::shared_ptr<feed::ChannelTenant> tenant) {
  if (core_ == nullptr) return;
  (void)host_->loop().post([core = core_, released = released_, tenant = std::move(tenant)]() mutable {
    const uint16_t handle = tenant->handle();
    core->remove(tenant.get());
    tenant.reset();
    const std::lock_guard lock(released->mutex);
    released->handles.push_back(handle);
    if (released->waker != nullptr) released->waker->wake();
  });
}

void ChannelObject::collect_released() {
  std::vector<uint16_t> handles;
  {
    const std::lock_guard lock(released_->mutex);
    handles.swap(released_->handles);
  }
  for (const uint16_t handle : handles) memory_.erase(handle);
}

Napi::Value ChannelObject::nudge(const Napi::CallbackInfo& info) {
  if (core_) (void)host_->loop().post([core = core_] { core->channel.on_nudge(); });
  return info.Env().Undefined();
}

Napi::Value ChannelObject::ref(const Napi::CallbackInfo& info) {
  if (async_ != nullptr) uv_ref(reinterpret_cast<uv_handle_t*>(&async_->async));
  return info.Env().Undefined();
}

Napi::Value ChannelObject::unref(const Napi::CallbackInfo& info) {
  if (async_ != nullptr) uv_unref(reinterpret_cast<uv_handle_t*>(&async_->async));
  return info.Env().Undefined();
}

Napi::Value ChannelObject::close(const Napi::CallbackInfo& info) {
  shut_down();
  return info.Env().Undefined();
}

void ChannelObject::on_turn_end() { on_async(); }

void ChannelObject::on_async() {
  try {
    const Napi::HandleScope scope(Env());
    collect_released();
    call_js();
  } catch (const Napi::Error&) {
    // The environment is ending: nobody is there to be called.
  }
}

void ChannelObject::call_js() {
  if (on_wake_.IsEmpty()) return;
  const Napi::Env env = Env();
  const std::shared_ptr<Napi::AsyncContext> context = context_;
  napi_value result = nullptr;
  const napi_status status = napi_make_callback(env, *context, Value(), on_wake_.Value(), 0, nullptr, &result);
  if (status == napi_pending_exception) {
    napi_value error = nullptr;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) (void)napi_fatal_exception(env, error);
  }
}

void ChannelObject::shut_down() {
  if (core_ == nullptr) return;
  const std::shared_ptr<ChannelCore> core = std::move(core_);
  core_ = nullptr;
  // The JS objects' own shares go along, so that the last one is dropped on the loop's thread.
  std::vector<std::shared_ptr<feed::ChannelTenant>> shares;
  for (TenantObject* object : objects_) shares.push_back(object->detach());
  objects_.clear();
  host_->run_and_wait([&core, &shares] {
    shares.clear();
    core->tenants.clear();
  });
  {
    const std::lock_guard lock(released_->mutex);
    released_->waker = nullptr;
  }
  waker_->detach();
  host_->cancel_after_turn(*this);
  memory_.clear();
  async_->owner = nullptr;
  AsyncState* async = async_;
  async_ = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&async->async), [](uv_handle_t* handle) {
    std::unique_ptr<AsyncState> state(static_cast<AsyncState*>(handle->data));
    if (state->hook != nullptr) (void)napi_remove_async_cleanup_hook(state->hook);
  });
  if (hook_ != nullptr) {
    (void)napi_remove_async_cleanup_hook(hook_);
    hook_ = nullptr;
  }
  ring_.Reset();
  symbols_.Reset();
  on_wake_.Reset();
  context_.reset();
  host_.reset();
}

}  // namespace tickwire::addon
