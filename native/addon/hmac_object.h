// `new addon.Hmac(digest, key, encoding)`.
#pragma once
#include <napi.h>

#include <memory>
#include <string>

#include "sign/encoding.h"
#include "sign/hmac.h"

namespace tickwire::addon {

class HmacObject final : public Napi::ObjectWrap<HmacObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit HmacObject(const Napi::CallbackInfo& info);

 private:
  Napi::Value sign(const Napi::CallbackInfo& info);
  Napi::Value sign_digest_of(const Napi::CallbackInfo& info);
  Napi::Value encoded(Napi::Env env, bool ok, const sign::Digest& digest) const;

  std::unique_ptr<sign::Hmac> hmac_;
  sign::Encoding encoding_ = sign::Encoding::kHex;
};

}  // namespace tickwire::addon
