// Entry point. Compiled for the baseline CPU, unlike the rest: it is what tells the user that the CPU is too old.
#include <napi.h>

namespace tickwire::addon {
Napi::Object init_exports(Napi::Env env, Napi::Object exports);
}  // namespace tickwire::addon

static bool cpu_supported() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi2") != 0 &&
         __builtin_cpu_supports("pclmul") != 0;
#else
  return true;
#endif
}

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  if (!cpu_supported()) {
    auto error = Napi::Error::New(env, "tickwire needs a CPU with AVX2, BMI2 and PCLMUL (x86-64-v3)");
    error.Set("code", Napi::String::New(env, "ERR_TICKWIRE_CPU"));
    error.ThrowAsJavaScriptException();
    return exports;
  }
  return tickwire::addon::init_exports(env, exports);
}

NODE_API_MODULE(tickwire, init)
