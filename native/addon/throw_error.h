// A core error as a JS exception with its stable code.
//
// The addon's layer alone uses C++ exceptions, node-addon-api's: any call into JS may fail while a Worker is being
// terminated, and an exception ends the call at the first one that does. They never leave an entry point, and none
// reaches the loop.
#pragma once
#include <napi.h>

#include "base/error.h"

namespace tickwire::addon {

[[noreturn]] void throw_error(Napi::Env env, const Error& error);

// A channel numbers what it has with 16 bits: ERR_CHANNEL_FULL.
[[noreturn]] void throw_channel_full(Napi::Env env);

}  // namespace tickwire::addon
