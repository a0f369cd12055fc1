// `addon.ShmSegment`: a segment in shared memory, mapped for JavaScript, which reads and writes the ring itself. What
// passes through calls is opening, closing, asking after the writer, and waking and sleeping.
#pragma once
#include <napi.h>
#include <uv.h>

#include <memory>

#include "base/waker.h"
#include "shm/segment.h"
#include "shm/waiting.h"

namespace tickwire::addon {

class ShmObject final : public Napi::ObjectWrap<ShmObject> {
 public:
  static Napi::Function define(Napi::Env env);
  // new ShmSegment({ role, name, directory, owner, ring, table, mode, firstPosition })
  explicit ShmObject(const Napi::CallbackInfo& info);
  ~ShmObject() override;

 private:
  // The signal from the watcher's thread; freed by libuv's close callback.
  struct Signal final : Waker {
    uv_async_t async{};
    ShmObject* owner = nullptr;
    napi_async_cleanup_hook_handle hook = nullptr;  // set: the environment waits for the close callback
    void wake() noexcept override { static_cast<void>(uv_async_send(&async)); }
  };

  void map(Napi::Env env);
  Napi::Value wake(const Napi::CallbackInfo& info);
  Napi::Value beat(const Napi::CallbackInfo& info);
  Napi::Value writer_alive(const Napi::CallbackInfo& info);
  Napi::Value watch(const Napi::CallbackInfo& info);
  Napi::Value arm(const Napi::CallbackInfo& info);
  Napi::Value ref(const Napi::CallbackInfo& info);
  Napi::Value unref(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  void on_signal();
  void stop_watching();

  // Shared with the ArrayBuffer over its memory, which JavaScript may hold for longer than this object.
  std::shared_ptr<shm::Segment> segment_;
  bool writer_ = false;
  bool open_ = false;
  std::unique_ptr<shm::Watcher> watcher_;
  Signal* signal_ = nullptr;  // owned by libuv until its close callback
  napi_async_cleanup_hook_handle hook_ = nullptr;
  Napi::FunctionReference on_more_;
  std::shared_ptr<Napi::AsyncContext> context_;
};

// shmList(directory, owner) and shmUnlinkStale(directory, name).
Napi::Value shm_list(const Napi::CallbackInfo& info);
Napi::Value shm_unlink_stale(const Napi::CallbackInfo& info);

}  // namespace tickwire::addon
