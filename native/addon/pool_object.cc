#include "addon/pool_object.h"

#include <array>
#include <string>
#include <utility>

#include "addon/channel_object.h"
#include "addon/connect_options.h"
#include "addon/js_values.h"
#include "addon/throw_error.h"

namespace tickwire::addon {

namespace {

// A JS string as bytes, without an allocation when it is short. Characters over U+00FF become UTF-8.
class Text {
 public:
  [[nodiscard]] bool read(napi_env env, napi_value value) {
    size_t length = 0;
    if (napi_get_value_string_utf8(env, value, small_.data(), small_.size(), &length) != napi_ok) return false;
    // A text that was cut fills the buffer but for the terminator, or all but what its last character would have
    // needed.
    if (length + 4 < small_.size()) {
      text_ = {small_.data(), length};
      return true;
    }
    if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return false;
    large_.resize(length + 1);
    if (napi_get_value_string_utf8(env, value, large_.data(), large_.size(), &length) != napi_ok) return false;
    text_ = {large_.data(), length};
    return true;
  }
  [[nodiscard]] std::string_view view() const noexcept { return text_; }

 private:
  std::array<char, 1024> small_;
  std::string large_;
  std::string_view text_;
};

// A request's body: undefined, a string or bytes.
[[nodiscard]] bool read_body(Napi::Env env, napi_value value, Text& text, http::Request& request) {
  napi_valuetype type;
  if (napi_typeof(env, value, &type) != napi_ok) return false;
  if (type == napi_undefined || type == napi_null) return true;
  request.has_body = true;
  if (type == napi_string) {
    if (!text.read(env, value)) return false;
    request.body = {reinterpret_cast<const uint8_t*>(text.view().data()), text.view().size()};
    return true;
  }
  bool is_typed_array = false;
  if (napi_is_typedarray(env, value, &is_typed_array) != napi_ok || !is_typed_array) return false;
  napi_typedarray_type kind;
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, value, &kind, &length, &data, nullptr, nullptr) != napi_ok) return false;
  if (kind != napi_uint8_array) return false;
  request.body = {static_cast<const uint8_t*>(data), length};
  return true;
}

int64_t ns_of(double ms) { return ms > 0 ? static_cast<int64_t>(std::min(ms, 3.2e12) * 1e6) : 0; }

int64_t ns_of(const Napi::Object& js, const char* name) { return ns_of(js.Get(name).ToNumber().DoubleValue()); }

// queue, head, body, total in milliseconds; undefined: `usual`.
[[nodiscard]] bool read_timeouts(napi_env env, napi_value value, const http::Timeouts& usual, http::Timeouts& out) {
  bool given = false;
  if (napi_is_typedarray(env, value, &given) != napi_ok) return false;
  if (!given) {
    out = usual;
    return true;
  }
  napi_typedarray_type kind;
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, value, &kind, &length, &data, nullptr, nullptr) != napi_ok) return false;
  if (kind != napi_float64_array || length != 4) return false;
  const std::span<const double> ms(static_cast<const double*>(data), length);
  out = {ns_of(ms[0]), ns_of(ms[1]), ns_of(ms[2]), ns_of(ms[3])};
  return true;
}

// Undefined: as `last` says. A text is looked at once, when it becomes the last.
template <class Check>
[[nodiscard]] bool read_changed(napi_env env, napi_value value, Text& text, std::string& last, Check check,
                                Error& error) {
  napi_valuetype type;
  if (napi_typeof(env, value, &type) != napi_ok) return false;
  if (type == napi_undefined) return true;
  if (type != napi_string || !text.read(env, value)) return false;
  error = check(text.view());
  if (!error) last.assign(text.view());
  return true;
}

// Errors are negative: ids use the whole of 32 bits.
Napi::Value failed(Napi::Env env, Errc code) { return Napi::Number::New(env, -static_cast<double>(code)); }

Result<http::PoolOptions> read_options(const Napi::Object& js) {
  http::PoolOptions o;
  auto target = read_connect_target(js);
  if (!target.ok()) return target.error();
  o.target = std::move(target.value());
  o.authority = text(js, "authority");
  o.max_connections = static_cast<uint32_t>(size(js, "maxConnections"));
  o.max_streams = static_cast<uint32_t>(size(js, "maxStreams"));
  o.warm = static_cast<uint32_t>(size(js, "warm"));
  o.max_queue = static_cast<uint32_t>(size(js, "maxQueue"));
  o.max_body = size(js, "maxBody");
  o.keep_alive = ns(js, "keepAlive");
  o.connection.limits.max_head = size(js, "maxHead");
  o.connection.limits.max_fields = static_cast<uint32_t>(size(js, "maxFields"));
  return o;
}

}  // namespace

Napi::Function PoolObject::define(Napi::Env env) {
  return DefineClass(
      env, "HttpPool",
      {InstanceMethod<&PoolObject::request>("request"), InstanceMethod<&PoolObject::cancel>("cancel"),
       InstanceMethod<&PoolObject::hold>("hold"), InstanceMethod<&PoolObject::warm>("warm"),
       InstanceMethod<&PoolObject::close>("close"), InstanceMethod<&PoolObject::abort>("abort"),
       InstanceMethod<&PoolObject::counters>("counters"), InstanceMethod<&PoolObject::destroy>("destroy"),
       InstanceAccessor<&PoolObject::handle>("handle")});
}

PoolObject::PoolObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  const auto object = info[0].As<Napi::Object>();
  ChannelObject* const on = ChannelObject::Unwrap(object);
  if (on == nullptr || on->closed()) throw_error(env, {Errc::kNotOpen, 0, "the channel is closed"});
  auto options = read_options(info[1].As<Napi::Object>());
  if (!options.ok()) throw_error(env, options.error());
  authority_ = options.value().authority;
  const auto js = info[1].As<Napi::Object>();
  timeouts_ = {ns_of(js, "queueTimeout"), ns_of(js, "headTimeout"), ns_of(js, "bodyTimeout"),
               ns_of(js, "totalTimeout")};
  const uint16_t handle = on->take_handle();
  if (handle == 0) throw_channel_full(env);
  auto tenant = PoolTenant::create(on->core()->channel, std::move(options.value()), handle);
  if (!tenant.ok()) throw_error(env, tenant.error());
  handle_ = handle;
  channel_ = on;
  tenant_ = std::move(tenant.value());
  channel_ref_ = Napi::Persistent(object);
  channel_->adopt(*this, tenant_, {});
}

std::shared_ptr<feed::ChannelTenant> PoolObject::detach() noexcept {
  channel_ = nullptr;
  return std::move(tenant_);
}

void PoolObject::release() noexcept {
  fields_.assign(fields_.size(), '\0');  // keys may be in it
  fields_.clear();
  if (channel_ == nullptr) return;
  channel_->forget(*this);
  channel_->destroy(std::move(tenant_));
  tenant_ = nullptr;
  channel_ = nullptr;
  channel_ref_.Reset();
}

template <class Task>
void PoolObject::post(Task task) {
  if (channel_ == nullptr) return;
  (void)channel_->host().loop().post([tenant = tenant_, task = std::move(task)] { task(tenant->pool()); });
}

Napi::Value PoolObject::handle(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), handle_); }

// request(method, target, fields, body, stream, timeouts): no more arguments than node-addon-api takes without
// allocating.
Napi::Value PoolObject::request(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (tenant_ == nullptr) return failed(env, Errc::kNotOpen);
  Text text;
  Text body;
  http::Request request;
  http::RequestOptions options;
  std::array<Error, 3> errors;
  if (!read_changed(env, info[0], text, method_, http::check_method, errors[0]) ||
      !read_changed(env, info[2], text, fields_, http::check_fields, errors[2]) || !text.read(env, info[1]) ||
      !read_body(env, info[3], body, request) || napi_get_value_bool(env, info[4], &options.stream) != napi_ok ||
      !read_timeouts(env, info[5], timeouts_, options.timeouts)) {
    Napi::TypeError::New(env, "request() takes texts, and a body of text or bytes").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  request.method = method_;
  request.target = text.view();
  request.fields = fields_;
  request.authority = authority_;
  errors[1] = http::check_target(request.target);
  for (const Error& error : errors) {
    if (error) throw_error(env, error);
  }
  const auto sent = tenant_->pool().request(request, options);
  if (!sent.ok()) return failed(env, sent.error().code);
  return Napi::Number::New(env, sent.value());
}

Napi::Value PoolObject::cancel(const Napi::CallbackInfo& info) {
  post([id = info[0].ToNumber().Uint32Value()](http::Pool& pool) { pool.cancel(id); });
  return info.Env().Undefined();
}

Napi::Value PoolObject::hold(const Napi::CallbackInfo& info) {
  post([id = info[0].ToNumber().Uint32Value(), on = info[1].ToBoolean().Value()](http::Pool& pool) {
    pool.hold(id, on);
  });
  return info.Env().Undefined();
}

Napi::Value PoolObject::warm(const Napi::CallbackInfo& info) {
  post([](http::Pool& pool) { pool.warm_up(); });
  return info.Env().Undefined();
}

Napi::Value PoolObject::close(const Napi::CallbackInfo& info) {
  post([](http::Pool& pool) { pool.close(); });
  return info.Env().Undefined();
}

Napi::Value PoolObject::abort(const Napi::CallbackInfo& info) {
  post([](http::Pool& pool) { pool.abort({Errc::kAborted, 0, "the client was closed"}); });
  return info.Env().Undefined();
}

// In the order of NativePoolCounters in lib/native/addon.ts.
Napi::Value PoolObject::counters(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto out = Napi::Float64Array::New(env, 11);
  if (tenant_ == nullptr) return out;
  const http::PoolCounters& c = tenant_->pool().counters();
  const auto value = [](const auto& counter) { return static_cast<double>(counter.load(std::memory_order_relaxed)); };
  size_t i = 0;
  for (const double v : {value(c.requests), value(c.responses), value(c.failures), value(c.reused), value(c.connects),
                         value(c.connect_failures), value(c.sent_bytes), value(c.received_bytes), value(c.open),
                         value(c.in_flight), value(c.waiting)}) {
    out[i++] = v;
  }
  return out;
}

Napi::Value PoolObject::destroy(const Napi::CallbackInfo& info) {
  release();
  return info.Env().Undefined();
}

}  // namespace tickwire::addon
