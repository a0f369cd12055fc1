// The part of a feed's options that all kinds of feeds share, as the core's CoreOptions.
#pragma once
#include <napi.h>

#include <span>
#include <vector>

#include "base/error.h"
#include "feed/options.h"

namespace tickwire::addon {

// The memory of `name`, kept alive by a reference.
[[nodiscard]] std::span<uint8_t> take_memory(const Napi::Object& js, const char* name,
                                             std::vector<Napi::ObjectReference>& memory);

// `o.schema` is set already, if there is one. Appends references to the JS memory that the feed will write. Values were
// checked by the TypeScript layer; what could corrupt memory is checked again here.
[[nodiscard]] Result<void> read_core_options(const Napi::Object& js, feed::CoreOptions& o,
                                             std::vector<Napi::ObjectReference>& memory);

// The memory and slots of `conflateMemory` and `conflateRegions`, for the shapes of `o.schema`.
[[nodiscard]] Result<void> read_conflation(const Napi::Object& js, feed::CoreOptions& o,
                                           std::vector<Napi::ObjectReference>& memory);

}  // namespace tickwire::addon
