// NativeWireFeedOptions (lib/native/addon.ts) as the core's WireFeedOptions.
#pragma once
#include <napi.h>

#include <vector>

#include "base/error.h"
#include "feed/options.h"

namespace tickwire::addon {

// Appends references to the JS memory that the feed will write.
[[nodiscard]] Result<feed::WireFeedOptions> read_wire_feed_options(const Napi::Object& js,
                                                                   std::vector<Napi::ObjectReference>& memory);
// { topics, keys, snapshot }
[[nodiscard]] feed::WireTopics read_wire_topics(const Napi::Object& js);

}  // namespace tickwire::addon
