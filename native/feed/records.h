// Builders of the control records that a feed sends to JS (layouts: RecordKind in lib/native/addon.ts).
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "decode/decoder.h"
#include "feed/stats.h"
#include "wire/control.h"
#include "wire/gap.h"

namespace tickwire::feed {

struct StateChange {
  State from;
  State to;
  Errc reason = Errc::kNone;
  int32_t detail = 0;
  uint32_t attempt = 0;
  double delay_ms = 0;  // NaN when no attempt is planned
  std::string_view text;
};

[[nodiscard]] std::vector<uint8_t> state_record(uint16_t handle, int64_t now_ns, const StateChange& change);
[[nodiscard]] std::vector<uint8_t> pong_record(uint16_t handle, int64_t now_ns, int64_t round_trip_ns);
// Numbers `first` to `last` of `key` did not come; of the arbiter whose handle it bears.
[[nodiscard]] std::vector<uint8_t> arbiter_gap_record(uint16_t handle, int64_t now_ns, uint8_t shape, int64_t first,
                                                      int64_t last, std::string_view key);
[[nodiscard]] std::vector<uint8_t> malformed_record(uint16_t handle, int64_t now_ns,
                                                    const decode::DecodeOutcome& outcome,
                                                    std::span<const uint8_t> message, uint32_t sample_bytes,
                                                    uint32_t suppressed);

// Of feeds in the wire format.
[[nodiscard]] std::vector<uint8_t> sequence_gap_record(uint16_t handle, int64_t now_ns, const wire::Gap& gap);
[[nodiscard]] std::vector<uint8_t> subscribed_record(uint16_t handle, int64_t now_ns, const wire::TopicEntry& topic);
[[nodiscard]] std::vector<uint8_t> refused_record(uint16_t handle, int64_t now_ns, const wire::ErrorMessage& error,
                                                  std::span<const std::string> topics);

}  // namespace tickwire::feed
