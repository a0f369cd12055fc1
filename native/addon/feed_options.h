// NativeFeedOptions (lib/native/addon.ts) as the core's FeedOptions.
#pragma once
#include <napi.h>

#include <vector>

#include "base/error.h"
#include "feed/options.h"

namespace tickwire::addon {

// Appends references to the JS memory that the feed will write. Values were checked by the TypeScript layer; what could
// corrupt memory is checked again here.
[[nodiscard]] Result<feed::FeedOptions> read_feed_options(Napi::Object js, std::vector<Napi::ObjectReference>& memory);

// Texts and Uint8Arrays, as they are sent when a connection opens.
[[nodiscard]] std::vector<feed::Greeting> read_greeting(Napi::Array list);

}  // namespace tickwire::addon
