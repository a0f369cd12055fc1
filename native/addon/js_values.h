// Plain values out of option objects that the TypeScript layer has checked already.
#pragma once
#include <napi.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace tickwire::addon {

inline Napi::Object object(const Napi::Object& o, const char* name) { return o.Get(name).As<Napi::Object>(); }
inline std::string text(const Napi::Object& o, const char* name) { return o.Get(name).ToString().Utf8Value(); }
inline bool flag(const Napi::Object& o, const char* name) { return o.Get(name).ToBoolean().Value(); }
inline double number(const Napi::Object& o, const char* name) { return o.Get(name).ToNumber().DoubleValue(); }
inline int integer(const Napi::Object& o, const char* name) { return static_cast<int>(number(o, name)); }
inline size_t size(const Napi::Object& o, const char* name) {
  return static_cast<size_t>(std::max(0.0, number(o, name)));
}

// Milliseconds to nanoseconds; what exceeds a century is "never" for any purpose here.
inline int64_t ns(const Napi::Object& o, const char* name) {
  return static_cast<int64_t>(std::min(std::max(0.0, number(o, name)), 3.2e12) * 1e6);
}

inline std::vector<std::string> texts(const Napi::Object& o, const char* name) {
  const auto list = o.Get(name).As<Napi::Array>();
  std::vector<std::string> out;
  for (uint32_t i = 0; i < list.Length(); ++i) out.push_back(list.Get(i).ToString().Utf8Value());
  return out;
}

}  // namespace tickwire::addon
