#include "addon/hmac_object.h"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "addon/throw_error.h"

namespace tickwire::addon {

namespace {

// What most requests fit into: copied to the stack, without an allocation.
constexpr size_t kInline = 2048;

// A string's UTF-8 or a byte array's bytes, for the time of one call.
class Bytes {
 public:
  Bytes(Napi::Env env, napi_value value) {
    bool typed = false;
    if (napi_is_typedarray(env, value, &typed) == napi_ok && typed) {
      const Napi::Uint8Array array(env, value);
      view_ = {array.Data(), array.ByteLength()};
      return;
    }
    size_t length = 0;
    // One call does for what fits; what may not have is measured first.
    if (napi_get_value_string_utf8(env, value, inline_.data(), inline_.size(), &length) != napi_ok) {
      throw Napi::TypeError::New(env, "expected a string or a Uint8Array");
    }
    if (length < inline_.size() - 4) {
      view_ = {reinterpret_cast<const uint8_t*>(inline_.data()), length};
      return;
    }
    if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) throw Napi::Error::New(env);
    heap_.resize(length + 1);
    if (napi_get_value_string_utf8(env, value, heap_.data(), heap_.size(), &length) != napi_ok) {
      throw Napi::Error::New(env);
    }
    view_ = {reinterpret_cast<const uint8_t*>(heap_.data()), length};
  }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;

  [[nodiscard]] std::span<const uint8_t> view() const noexcept { return view_; }

 private:
  std::array<char, kInline> inline_;  // NOLINT(cppcoreguidelines-pro-type-member-init): written before it is read
  std::vector<char> heap_;
  std::span<const uint8_t> view_;
};

}  // namespace

Napi::Function HmacObject::define(Napi::Env env) {
  return DefineClass(
      env, "Hmac",
      {InstanceMethod<&HmacObject::sign>("sign"), InstanceMethod<&HmacObject::sign_digest_of>("signDigestOf")});
}

HmacObject::HmacObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  const std::string digest = info[0].ToString().Utf8Value();
  const auto key = info[1].As<Napi::Uint8Array>();
  const std::string encoding = info[2].ToString().Utf8Value();
  auto hmac = sign::Hmac::create(digest, {key.Data(), key.ByteLength()});
  if (!hmac.ok()) {
    throw_error(env, hmac.error());
    return;
  }
  hmac_ = std::move(hmac.value());
  if (encoding == "base64") encoding_ = sign::Encoding::kBase64;
  if (encoding == "base64url") encoding_ = sign::Encoding::kBase64Url;
}

Napi::Value HmacObject::sign(const Napi::CallbackInfo& info) {
  const Bytes data(info.Env(), info[0]);
  sign::Digest digest;
  const bool ok = hmac_->sign(data.view(), digest);
  return encoded(info.Env(), ok, digest);
}

Napi::Value HmacObject::sign_digest_of(const Napi::CallbackInfo& info) {
  const Bytes prefix(info.Env(), info[0]);
  const Bytes data(info.Env(), info[1]);
  sign::Digest digest;
  const bool ok = hmac_->sign_digest_of(prefix.view(), data.view(), digest);
  return encoded(info.Env(), ok, digest);
}

Napi::Value HmacObject::encoded(Napi::Env env, bool ok, const sign::Digest& digest) const {
  if (!ok) throw_error(env, {Errc::kSign, 0, "the digest failed"});
  std::array<char, sign::max_encoded(sign::kMaxDigest)> text;
  const size_t length = sign::encode(std::span(digest).first(hmac_->size()), encoding_, text.data());
  napi_value result = nullptr;
  if (napi_create_string_latin1(env, text.data(), length, &result) != napi_ok) throw Napi::Error::New(env);
  return {env, result};
}

}  // namespace tickwire::addon
