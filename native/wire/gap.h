// What a receiver reports of messages that did not come when they were due.
#pragma once
#include <cstdint>
#include <string_view>

#include "wire/range_set.h"

namespace tickwire::wire {

// Why they did not come. Append only (TypeScript knows the order).
enum class GapCause : uint8_t {
  kLost,     // the numbers jumped: damaged on the way, or never sent here
  kAway,     // sent while there was no connection
  kSlow,     // left out by the sender, because this receiver was too slow
  kOverrun,  // overwritten in shared memory before they were read
};

// What becomes of them. Append only.
enum class GapFate : uint8_t {
  kLost,       // will not come; nobody was asked
  kRequested,  // asked for again: one or more of the following tell how that went
  kRecovered,  // have come after all
  kRefused,    // the sender has them no more
  kExpired,    // did not come in time, or there is another epoch by now
};

struct Gap {
  std::string_view topic;
  SequenceRange range;
  GapCause cause = GapCause::kLost;
  GapFate fate = GapFate::kLost;
};

}  // namespace tickwire::wire
