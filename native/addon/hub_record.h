// A hub's record in the event ring (after the 8-byte header, whose shape byte is the HubEvent; little endian):
//   u32 numbers | u32 texts; the numbers as f64; of each text u32 bytes | u32 0, then the bytes padded to 8
// What they mean stands at HubEvents in lib/native/hub-layout.ts.
#pragma once
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "base/event_ring.h"

namespace tickwire::addon {

// The order is that of HubEvents in lib/native/hub-layout.ts.
enum class HubEvent : uint8_t {
  kConnected,
  kDisconnected,
  kSubscription,
  kSlow,
  kMessage,
  kSnapshotNeeded,
  kDrain,
  kClosed,
  kAuthorize,
  kRefused,
  kAcceptFailed,
  kMeasured,
};

using HubRecord = std::vector<uint8_t>;

[[nodiscard]] inline HubRecord hub_record(HubEvent event, uint16_t handle, std::span<const double> numbers,
                                          std::span<const std::string_view> texts) {
  const auto padded = [](size_t n) { return (n + 7) & ~size_t{7}; };
  size_t bytes = 16 + numbers.size() * 8;
  for (const std::string_view text : texts) bytes += 8 + padded(text.size());
  HubRecord record(bytes);
  uint8_t* at = record.data();
  const auto put = [&at](const void* from, size_t n) {
    if (n != 0) std::memcpy(at, from, n);
    at += n;
  };
  const uint64_t header =
      record_header(static_cast<uint32_t>(bytes), RecordKind::kHub, static_cast<uint8_t>(event), handle);
  const uint32_t counts[2] = {static_cast<uint32_t>(numbers.size()), static_cast<uint32_t>(texts.size())};
  put(&header, sizeof header);
  put(counts, sizeof counts);
  put(numbers.data(), numbers.size_bytes());
  for (const std::string_view text : texts) {
    const uint32_t head[2] = {static_cast<uint32_t>(text.size()), 0};
    put(head, sizeof head);
    put(text.data(), text.size());
    at += padded(text.size()) - text.size();
  }
  return record;
}

}  // namespace tickwire::addon
