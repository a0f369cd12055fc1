// The messages by which two ends of a connection come to terms (docs/wire-format.md has their fields and their
// meaning). put() writes a message's payload; get() reads one and is false when it is malformed: a field that is
// missing, twice there, of the wrong size or beyond its limit. Views point into the payload. Unknown fields are passed
// over.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "wire/tlv.h"
#include "wire/tlv_list.h"

namespace tickwire::wire {

inline constexpr size_t kMaxName = 255;     // bytes of a topic, symbol or peer name
inline constexpr size_t kMaxToken = 4096;   // bytes of a Hello's token
inline constexpr size_t kMaxReason = 1024;  // bytes of text for people

// ---- opening a connection ----

struct Hello {  // client → hub, first
  uint8_t min_version = kVersion;
  uint8_t max_version = kVersion;
  std::string_view token;     // credentials; may be empty
  std::string_view name;      // who calls, for logs; may be empty
  uint64_t resume_epoch = 0;  // epoch whose sequence numbers the client still has; 0: none
};

struct Welcome {  // hub → client, the answer
  uint8_t version = kVersion;
  uint64_t epoch = 0;              // drawn anew with each start of the hub: sequence numbers start over with it
  uint32_t heartbeat_ms = 0;       // the longest silence of the hub; 0: no heartbeats
  uint32_t max_payload = 0;        // bytes of the largest payload that will come
  uint32_t max_inbound = 0;        // bytes of the largest payload that the client may send
  uint32_t max_subscriptions = 0;  // topics at once
  std::string_view name;           // of the hub; may be empty
};

// ---- subscriptions ----

[[nodiscard]] bool read(const Tlv& tlv, std::string_view& text) noexcept;  // 1…kMaxName bytes
using TextList = TlvList<std::string_view>;

struct Subscribe {
  static constexpr uint8_t kNoSnapshot = 1u << 0;  // start with the next message, whatever the topic retains
  uint32_t request = 0;                            // chosen by the client, repeated in the answer; 0: none
  uint8_t options = 0;
  TextList topics;  // at least one
  TextList keys;    // symbols; empty: all
};
struct Unsubscribe {
  uint32_t request = 0;
  TextList topics;  // at least one
};
void put(TlvWriter& out, const Subscribe& head, std::span<const std::string_view> topics,
         std::span<const std::string_view> keys = {}) noexcept;
void put(TlvWriter& out, const Unsubscribe& head, std::span<const std::string_view> topics) noexcept;

// ---- definitions: sent before first use on a connection ----

struct SymbolEntry {
  uint32_t id = 0;
  std::string_view text;  // UTF-8, 1…kMaxName bytes
};
[[nodiscard]] bool read(const Tlv& tlv, SymbolEntry& entry) noexcept;
struct Symbols {
  TlvList<SymbolEntry> entries;  // at least one
};
void put(TlvWriter& out, std::span<const SymbolEntry> entries) noexcept;

struct TopicEntry {
  uint16_t source = 0;         // not 0
  uint64_t last_sequence = 0;  // of the message in front of the first that this receiver can get; 0: none
  std::string_view name;       // UTF-8, 1…kMaxName bytes
};
[[nodiscard]] bool read(const Tlv& tlv, TopicEntry& entry) noexcept;
struct Topics {
  uint32_t request = 0;         // the Subscribe that it answers; 0: none
  TlvList<TopicEntry> entries;  // at least one
};
void put(TlvWriter& out, uint32_t request, std::span<const TopicEntry> entries) noexcept;

// ---- sequences ----

struct Range {
  uint16_t source = 0;
  uint64_t from = 0;  // 1 ≤ from ≤ to
  uint64_t to = 0;
};
[[nodiscard]] bool read(const Tlv& tlv, Range& range) noexcept;

struct Resend {
  uint32_t request = 0;
  TlvList<Range> ranges;  // at least one
};
void put(TlvWriter& out, const Resend& head, std::span<const Range> ranges) noexcept;

enum class RefusedWhy : uint8_t { kGone = 1, kUnknownSource = 2, kTooMany = 3, kNotYet = 4 };
struct ResendRefused {  // that part of a Resend which will not come
  uint32_t request = 0;
  RefusedWhy why = RefusedWhy::kGone;
  uint64_t oldest = 0;  // the oldest sequence number of the source that is still there; 0: none
  Range range;
};

enum class SkippedWhy : uint8_t { kSlow = 1, kConflated = 2 };
struct Skipped {  // messages that this receiver will not get
  SkippedWhy why = SkippedWhy::kSlow;
  TlvList<Range> ranges;  // at least one
};
void put(TlvWriter& out, SkippedWhy why, std::span<const Range> ranges) noexcept;

struct LastSequence {
  uint16_t source = 0;
  uint64_t sequence = 0;
};
[[nodiscard]] bool read(const Tlv& tlv, LastSequence& last) noexcept;
struct Heartbeat {
  TlvList<LastSequence> last;  // of the receiver's topics; may be empty
};
void put(TlvWriter& out, std::span<const LastSequence> last) noexcept;

// ---- errors, liveness, the end ----

// Append only.
enum class ErrorCode : uint16_t {
  kNoCommonVersion = 1,  //
  kUnauthorized = 2,     // token refused
  kForbidden = 3,        // this topic is not for this client
  kUnknownTopic = 4,     //
  kTooMany = 5,          // subscriptions, ranges or keys over the limit
  kRateLimit = 6,        // messages per second over the limit
  kTooLarge = 7,         // payload over max_inbound
  kMalformed = 8,        // not as this format says
  kUnexpected = 9,       // a message that has no place here: before Hello, or of a type that hubs send
  kOverloaded = 10,      // the hub takes no further connections
  kInternal = 11,        //
  kTooSlow = 12,         // cut off by the slow policy
  kShuttingDown = 13,    //
  kTimedOut = 14,        // no Hello, or no sign of life, in time
};
struct ErrorMessage {
  ErrorCode code = ErrorCode::kInternal;
  bool fatal = false;    // the sender closes the connection
  uint32_t request = 0;  // the request that failed; 0: none
  std::string_view text;
};

struct Ping {
  uint64_t token = 0;  // any number; Pong repeats it
};
struct Pong {
  uint64_t token = 0;
};

struct Bye {  // the sender closes; nothing comes after it
  ErrorCode why = ErrorCode::kShuttingDown;
  uint32_t retry_after_ms = 0;  // 0: as the receiver's policy says
  std::string_view text;
};

void put(TlvWriter& out, const Hello& m) noexcept;
void put(TlvWriter& out, const Welcome& m) noexcept;
void put(TlvWriter& out, const ResendRefused& m) noexcept;
void put(TlvWriter& out, const ErrorMessage& m) noexcept;
void put(TlvWriter& out, const Ping& m) noexcept;
void put(TlvWriter& out, const Pong& m) noexcept;
void put(TlvWriter& out, const Bye& m) noexcept;

[[nodiscard]] bool get(std::span<const uint8_t> payload, Hello& m) noexcept;
[[nodiscard]] bool get(std::span<const uint8_t> payload, Welcome& m) noexcept;
[[nodiscard]] bool get(std::span<const uint8_t> payload, Subscribe& m) noexcept;
[[nodiscard]] bool get(std::span<const uint8_t> payload, Unsubscribe& m) noexcept;
[[nodiscard]] bool get(std::span<const uint8_t> payload, Symbols& m) noexcept;
[[nodiscard]] bool get(std::span<const uint8_t> payload, Topics& m) noexcept;
[[nodiscard]] bool get(std::span<const uint8_t> payload, Resend& m) noexcept;
[[nodiscard]] bool get(std::span<const uint8_t> payload, ResendRefused& m) noexcept;
[[nodiscard]] bool get(std::span<const uint8_t> payload, Skipped& m) noexcept;
[[nodiscard]] bool get(std::span<const uint8_t> payload, Heartbeat& m) noexcept;
[[nodiscard]] bool get(std::span<const uint8_t> payload, ErrorMessage& m) noexcept;
[[nodiscard]] bool get(std::span<const uint8_t> payload, Ping& m) noexcept;
[[nodiscard]] bool get(std::span<const uint8_t> payload, Pong& m) noexcept;
[[nodiscard]] bool get(std::span<const uint8_t> payload, Bye& m) noexcept;

}  // namespace tickwire::wire
