#include "hub/option_checks.h"

#include <bit>
#include <string>

#include "wire/control.h"

namespace tickwire::hub {
namespace {

constexpr size_t kKiB = 1024;
constexpr size_t kMiB = 1024 * kKiB;

class Checks {
 public:
  template <class T>
  Checks& in(const char* field, T value, T low, T high) {
    if (value < low || value > high) refuse(field, std::to_string(low) + " to " + std::to_string(high));
    return *this;
  }
  void refuse(const char* field, const std::string& rule) {
    if (!fault_.text.empty()) return;
    fault_ = Error{Errc::kHubOptions, 0, std::string(field) + ": " + rule};
  }
  [[nodiscard]] Result<void> result() const { return fault_.text.empty() ? Result<void>() : Result<void>(fault_); }

 private:
  Error fault_;
};

}  // namespace

Result<void> check_options(HubOptions& o) {
  constexpr int64_t kForever = INT64_MAX;
  Checks checks;
  checks.in<size_t>("ring.bytes", o.ring.bytes, 64 * kKiB, 1024 * kMiB)
      .in<uint32_t>("ring.entries", o.ring.entries, 1024, 16u << 20)
      .in<int64_t>("flush.max_delay_ns", o.flush.max_delay_ns, 0, 1'000'000'000)
      .in<size_t>("flush.bytes", o.flush.bytes, 1, 1024 * kMiB)
      .in<size_t>("slow.pending_bytes", o.slow.pending_bytes, 1 * kKiB, 1024 * kMiB)
      .in<int64_t>("slow.close_timeout_ns", o.slow.close_timeout_ns, 0, kForever)
      .in<uint32_t>("store.max_keys", o.store.max_keys, 1, 64u << 20)
      .in<int>("deflate.level", o.deflate.level, 0, 9)
      .in<int>("deflate.window_bits", o.deflate.window_bits, 9, 15)
      .in<size_t>("inbound.max_message", o.inbound.max_message, 256, 16 * kMiB)
      .in<uint32_t>("inbound.messages_per_second", o.inbound.messages_per_second, 1, 1'000'000'000)
      .in<size_t>("inbound.bytes_per_second", o.inbound.bytes_per_second, 1, 1024 * kMiB)
      .in<uint32_t>("inbound.max_subscriptions", o.inbound.max_subscriptions, 1, 65'535)
      .in<uint32_t>("inbound.max_filter_keys", o.inbound.max_filter_keys, 1, 1u << 20)
      .in<int64_t>("liveness.ping_ns", o.liveness.ping_ns, 0, kForever)
      .in<int64_t>("liveness.idle_timeout_ns", o.liveness.idle_timeout_ns, 0, kForever)
      .in<int64_t>("liveness.heartbeat_ns", o.liveness.heartbeat_ns, 0, kForever)
      .in<int64_t>("liveness.close_timeout_ns", o.liveness.close_timeout_ns, 0, kForever)
      .in<uint32_t>("max_topics", o.max_topics, 1, 65'535)
      .in<uint32_t>("max_keys", o.max_keys, 1, 16u << 20)
      .in<size_t>("max_name", o.max_name, 1, wire::kMaxName)
      .in<size_t>("max_message", o.max_message, 1, 16 * kMiB - kKiB);
  o.ring.bytes = std::bit_ceil(o.ring.bytes);
  o.ring.entries = std::bit_ceil(o.ring.entries);
  if (o.max_message > o.ring.bytes / 8) checks.refuse("max_message", "at most an eighth of ring.bytes");
  return checks.result();
}

}  // namespace tickwire::hub
