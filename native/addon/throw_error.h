// A core error as a JS exception with its stable code.
#pragma once
#include <napi.h>

#include "base/error.h"

namespace tickwire::addon {

void throw_error(Napi::Env env, const Error& error);

}  // namespace tickwire::addon
