#include "addon/throw_error.h"

namespace tickwire::addon {

void throw_error(Napi::Env env, const Error& error) {
  auto js = Napi::Error::New(env, error.text.empty() ? std::string(errc_name(error.code)) : error.text);
  js.Set("code", Napi::String::New(env, errc_name(error.code)));
  js.Set("detail", Napi::Number::New(env, error.detail));
  throw Napi::Error(js);
}

void throw_channel_full(Napi::Env env) {
  auto js = Napi::Error::New(env, "a loop takes at most 65,535 feeds, books and the like of one JS context and `wake`");
  js.Set("code", Napi::String::New(env, "ERR_CHANNEL_FULL"));
  throw Napi::Error(js);
}

}  // namespace tickwire::addon
