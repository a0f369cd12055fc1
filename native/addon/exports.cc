// What `require` of the addon returns; typed in lib/native/addon.ts.
#include <napi.h>
#include <time.h>

#include <atomic>

#include "addon/arbiter_object.h"
#include "addon/book_set_object.h"
#include "addon/channel_object.h"
#include "addon/feed_object.h"
#include "addon/hmac_object.h"
#include "addon/hub_object.h"
#include "addon/loop_object.h"
#include "addon/pool_object.h"
#include "addon/row_reader_object.h"
#include "addon/shm_object.h"
#include "addon/throw_error.h"
#include "addon/wire_feed_object.h"
#include "base/clock.h"
#include "base/error.h"
#include "decode/schema.h"
#include "net/tls_context.h"
#include "wire/row_schema.h"

namespace tickwire::addon {

namespace {

std::atomic<bool> g_has_default_ca = false;  // set from any JS thread

Napi::Value error_codes(const Napi::CallbackInfo& info) {
  auto names = Napi::Array::New(info.Env());
  for (uint32_t i = 0; i < static_cast<uint32_t>(Errc::kCount); ++i) {
    names.Set(i, Napi::String::New(info.Env(), errc_name(static_cast<Errc>(i))));
  }
  return names;
}

Napi::Value set_default_ca(const Napi::CallbackInfo& info) {
  TlsContext::set_default_ca(info[0].ToString().Utf8Value());
  g_has_default_ca = true;
  return info.Env().Undefined();
}

Napi::Value has_default_ca(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), g_has_default_ca); }

Napi::Value mono_now(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(mono_ns()));
}

Napi::Value thread_cpu(const Napi::CallbackInfo& info) {
  timespec ts{};
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts) != 0) return Napi::Number::New(info.Env(), 0);
  return Napi::Number::New(info.Env(), static_cast<double>(ts.tv_sec) * 1e9 + static_cast<double>(ts.tv_nsec));
}

Napi::Value check_schema(const Napi::CallbackInfo& info) {
  const std::string description = info[0].ToString().Utf8Value();
  const auto schema = decode::compile_schema(description);
  if (!schema.ok()) throw_error(info.Env(), schema.error());
  return info.Env().Undefined();
}

Napi::Value check_sbe_schema(const Napi::CallbackInfo& info) {
  const auto schema = decode::compile_sbe_schema(info[0].ToString().Utf8Value());
  if (!schema.ok()) throw_error(info.Env(), schema.error());
  return info.Env().Undefined();
}

Napi::Value check_row_schema(const Napi::CallbackInfo& info) {
  const auto schema = wire::compile_row_schema(info[0].ToString().Utf8Value());
  if (!schema.ok()) throw_error(info.Env(), schema.error());
  return info.Env().Undefined();
}

}  // namespace

Napi::Object init_exports(Napi::Env env, Napi::Object exports) {
  exports.Set("version", Napi::String::New(env, TICKWIRE_VERSION));
  exports.Set("poller", Napi::String::New(env, TICKWIRE_POLLER));
  exports.Set("errorCodes", Napi::Function::New(env, error_codes, "errorCodes"));
  exports.Set("setDefaultCa", Napi::Function::New(env, set_default_ca, "setDefaultCa"));
  exports.Set("hasDefaultCa", Napi::Function::New(env, has_default_ca, "hasDefaultCa"));
  exports.Set("monoNs", Napi::Function::New(env, mono_now, "monoNs"));
  exports.Set("threadCpuNs", Napi::Function::New(env, thread_cpu, "threadCpuNs"));
  exports.Set("checkSchema", Napi::Function::New(env, check_schema, "checkSchema"));
  exports.Set("checkSbeSchema", Napi::Function::New(env, check_sbe_schema, "checkSbeSchema"));
  exports.Set("checkRowSchema", Napi::Function::New(env, check_row_schema, "checkRowSchema"));
  exports.Set("Loop", LoopObject::define(env));
  exports.Set("Channel", ChannelObject::define(env));
  exports.Set("BookSet", BookSetObject::define(env));
  exports.Set("Arbiter", ArbiterObject::define(env));
  exports.Set("Feed", FeedObject::define(env));
  exports.Set("Hub", HubObject::define(env));
  exports.Set("WireFeed", WireFeedObject::define(env));
  exports.Set("HttpPool", PoolObject::define(env));
  exports.Set("ShmSegment", ShmObject::define(env));
  exports.Set("shmList", Napi::Function::New(env, shm_list, "shmList"));
  exports.Set("shmUnlinkStale", Napi::Function::New(env, shm_unlink_stale, "shmUnlinkStale"));
  exports.Set("Hmac", HmacObject::define(env));
  exports.Set("RowReader", RowReaderObject::define(env));
  return exports;
}

}  // namespace tickwire::addon
