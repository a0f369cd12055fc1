// Faults of a hub's options.
#pragma once
#include "base/error.h"
#include "hub/options.h"

namespace tickwire::hub {

// Rounds sizes up as the options say; kHubOptions with the field's name in the text.
[[nodiscard]] Result<void> check_options(HubOptions& options);

}  // namespace tickwire::hub
