// A hub's options as the TypeScript layer gives them (NativeHubOptions in lib/native/hub-layout.ts): every field is
// there.
#pragma once
#include <napi.h>

#include "base/error.h"
#include "hub/front_options.h"
#include "hub/options.h"

namespace tickwire::addon {

[[nodiscard]] hub::HubOptions read_hub_options(const Napi::Object& js);
[[nodiscard]] hub::TopicOptions read_topic_options(const Napi::Object& js);
// kTlsConfig for what cannot be used of certificates and keys, kInvalidUrl for an address that is not numeric.
[[nodiscard]] Result<hub::FrontOptions> read_front_options(const Napi::Object& js);
[[nodiscard]] hub::AuthorizeAnswer read_authorize_answer(const Napi::Object& js);

}  // namespace tickwire::addon
