#include "wire/control.h"

#include "wire/tlv_walk.h"

namespace tickwire::wire {
namespace {

// Tags, per message.
namespace hello {
constexpr uint8_t kVersions = 1, kToken = 2, kName = 3, kResumeEpoch = 4;
}
namespace welcome {
constexpr uint8_t kHead = 1, kName = 2;
constexpr size_t kHeadBytes = 25;
}  // namespace welcome
namespace request {  // of all messages that ask for something, and of the answers
constexpr uint8_t kId = 1, kItem = 2, kKey = 3, kOptions = 4;
}
namespace refused {
constexpr uint8_t kWhy = 3, kOldest = 4;
}
namespace skipped {
constexpr uint8_t kWhy = 1;
}
namespace definition {
constexpr uint8_t kEntry = 2;
}
namespace error {
constexpr uint8_t kCode = 1, kText = 2, kRequest = 3, kFatal = 4;
}
namespace bye {
constexpr uint8_t kCode = 1, kText = 2, kRetryAfter = 3;
}
namespace ping {
constexpr uint8_t kToken = 1;
}

constexpr size_t kRangeBytes = 18;
constexpr size_t kLastBytes = 10;

bool text_up_to(const Tlv& tlv, size_t most, std::string_view& out) noexcept {
  if (tlv.value.size() > most) return false;
  out = tlv.text();
  return true;
}

bool code(const Tlv& tlv, ErrorCode& out) noexcept {
  uint16_t value = 0;
  if (!tlv.get(value) || value == 0) return false;
  out = static_cast<ErrorCode>(value);
  return true;
}

// A list of which every element is checked here, so that walking it later cannot fail.
template <class Item>
bool count(const Tlv& tlv, size_t& n) noexcept {
  Item item{};
  if (!read(tlv, item)) return false;
  ++n;
  return true;
}

void put_request(TlvWriter& out, uint32_t id) noexcept {
  if (id != 0) out.put(request::kId, id);
}

void put_range(TlvWriter& out, const Range& range) noexcept {
  if (uint8_t* to = out.open(request::kItem, kRangeBytes)) {
    store(to, range.source);
    store(to + 2, range.from);
    store(to + 10, range.to);
  }
}

}  // namespace

bool read(const Tlv& tlv, std::string_view& text) noexcept {
  text = tlv.text();
  return !text.empty() && text.size() <= kMaxName;
}

bool read(const Tlv& tlv, SymbolEntry& entry) noexcept {
  if (tlv.value.size() < 5 || tlv.value.size() > 4 + kMaxName) return false;
  entry = {load<uint32_t>(tlv.value.data()), tlv.text().substr(4)};
  return entry.id != UINT32_MAX;
}

bool read(const Tlv& tlv, TopicEntry& entry) noexcept {
  if (tlv.value.size() < 11 || tlv.value.size() > 10 + kMaxName) return false;
  entry = {load<uint16_t>(tlv.value.data()), load<uint64_t>(tlv.value.data() + 2), tlv.text().substr(10)};
  return entry.source != 0 && entry.last_sequence <= kMaxSequence;
}

bool read(const Tlv& tlv, Range& range) noexcept {
  if (tlv.value.size() != kRangeBytes) return false;
  const uint8_t* from = tlv.value.data();
  range = {load<uint16_t>(from), load<uint64_t>(from + 2), load<uint64_t>(from + 10)};
  return range.from >= 1 && range.from <= range.to && range.to <= kMaxSequence;
}

bool read(const Tlv& tlv, LastSequence& last) noexcept {
  if (tlv.value.size() != kLastBytes) return false;
  last = {load<uint16_t>(tlv.value.data()), load<uint64_t>(tlv.value.data() + 2)};
  return last.sequence <= kMaxSequence;
}

void put(TlvWriter& out, const Hello& m) noexcept {
  if (uint8_t* to = out.open(hello::kVersions, 2)) {
    to[0] = m.min_version;
    to[1] = m.max_version;
  }
  if (!m.token.empty()) out.text(hello::kToken, m.token);
  if (!m.name.empty()) out.text(hello::kName, m.name);
  if (m.resume_epoch != 0) out.put(hello::kResumeEpoch, m.resume_epoch);
}

bool get(std::span<const uint8_t> payload, Hello& m) noexcept {
  m = {};
  return walk(payload, tag_bit(hello::kVersions), 0, [&m](const Tlv& tlv) {
    switch (tlv.tag) {
      case hello::kVersions:
        if (tlv.value.size() != 2) return false;
        m.min_version = tlv.value[0];
        m.max_version = tlv.value[1];
        return m.min_version >= 1 && m.min_version <= m.max_version;
      case hello::kToken:
        return text_up_to(tlv, kMaxToken, m.token);
      case hello::kName:
        return text_up_to(tlv, kMaxName, m.name);
      case hello::kResumeEpoch:
        return tlv.get(m.resume_epoch);
      default:
        return true;
    }
  });
}

void put(TlvWriter& out, const Welcome& m) noexcept {
  if (uint8_t* to = out.open(welcome::kHead, welcome::kHeadBytes)) {
    to[0] = m.version;
    store(to + 1, m.epoch);
    store(to + 9, m.heartbeat_ms);
    store(to + 13, m.max_payload);
    store(to + 17, m.max_inbound);
    store(to + 21, m.max_subscriptions);
  }
  if (!m.name.empty()) out.text(welcome::kName, m.name);
}

bool get(std::span<const uint8_t> payload, Welcome& m) noexcept {
  m = {};
  return walk(payload, tag_bit(welcome::kHead), 0, [&m](const Tlv& tlv) {
    switch (tlv.tag) {
      case welcome::kHead: {
        // A later revision may have appended to it.
        if (tlv.value.size() < welcome::kHeadBytes) return false;
        const uint8_t* from = tlv.value.data();
        m.version = from[0];
        m.epoch = load<uint64_t>(from + 1);
        m.heartbeat_ms = load<uint32_t>(from + 9);
        m.max_payload = load<uint32_t>(from + 13);
        m.max_inbound = load<uint32_t>(from + 17);
        m.max_subscriptions = load<uint32_t>(from + 21);
        return m.version >= 1 && m.epoch != 0;
      }
      case welcome::kName:
        return text_up_to(tlv, kMaxName, m.name);
      default:
        return true;
    }
  });
}

void put(TlvWriter& out, const Subscribe& head, std::span<const std::string_view> topics,
         std::span<const std::string_view> keys) noexcept {
  put_request(out, head.request);
  if (head.options != 0) out.put(request::kOptions, head.options);
  for (const std::string_view topic : topics) out.text(request::kItem, topic);
  for (const std::string_view key : keys) out.text(request::kKey, key);
}

bool get(std::span<const uint8_t> payload, Subscribe& m) noexcept {
  m = {};
  size_t topics = 0;
  size_t keys = 0;
  constexpr uint64_t kRepeated = tag_bit(request::kItem) | tag_bit(request::kKey);
  const bool good = walk(payload, tag_bit(request::kItem), kRepeated, [&](const Tlv& tlv) {
    switch (tlv.tag) {
      case request::kId:
        return tlv.get(m.request);
      case request::kOptions:
        return tlv.get(m.options);
      case request::kItem:
        return count<std::string_view>(tlv, topics);
      case request::kKey:
        return count<std::string_view>(tlv, keys);
      default:
        return true;
    }
  });
  m.topics = {payload, request::kItem, topics};
  m.keys = {payload, request::kKey, keys};
  return good;
}

void put(TlvWriter& out, const Unsubscribe& head, std::span<const std::string_view> topics) noexcept {
  put_request(out, head.request);
  for (const std::string_view topic : topics) out.text(request::kItem, topic);
}

bool get(std::span<const uint8_t> payload, Unsubscribe& m) noexcept {
  m = {};
  size_t topics = 0;
  const bool good = walk(payload, tag_bit(request::kItem), tag_bit(request::kItem), [&](const Tlv& tlv) {
    if (tlv.tag == request::kId) return tlv.get(m.request);
    return tlv.tag != request::kItem || count<std::string_view>(tlv, topics);
  });
  m.topics = {payload, request::kItem, topics};
  return good;
}

void put(TlvWriter& out, std::span<const SymbolEntry> entries) noexcept {
  for (const SymbolEntry& entry : entries) {
    if (uint8_t* to = out.open(definition::kEntry, 4 + entry.text.size())) {
      store(to, entry.id);
      std::memcpy(to + 4, entry.text.data(), entry.text.size());
    }
  }
}

bool get(std::span<const uint8_t> payload, Symbols& m) noexcept {
  m = {};
  size_t n = 0;
  const bool good = walk(payload, tag_bit(definition::kEntry), tag_bit(definition::kEntry),
                         [&n](const Tlv& tlv) { return tlv.tag != definition::kEntry || count<SymbolEntry>(tlv, n); });
  m.entries = {payload, definition::kEntry, n};
  return good;
}

void put(TlvWriter& out, uint32_t request, std::span<const TopicEntry> entries) noexcept {
  put_request(out, request);
  for (const TopicEntry& entry : entries) {
    if (uint8_t* to = out.open(definition::kEntry, 10 + entry.name.size())) {
      store(to, entry.source);
      store(to + 2, entry.last_sequence);
      std::memcpy(to + 10, entry.name.data(), entry.name.size());
    }
  }
}

bool get(std::span<const uint8_t> payload, Topics& m) noexcept {
  m = {};
  size_t n = 0;
  const bool good = walk(payload, tag_bit(definition::kEntry), tag_bit(definition::kEntry), [&](const Tlv& tlv) {
    if (tlv.tag == request::kId) return tlv.get(m.request);
    return tlv.tag != definition::kEntry || count<TopicEntry>(tlv, n);
  });
  m.entries = {payload, definition::kEntry, n};
  return good;
}

void put(TlvWriter& out, const Resend& head, std::span<const Range> ranges) noexcept {
  put_request(out, head.request);
  for (const Range& range : ranges) put_range(out, range);
}

bool get(std::span<const uint8_t> payload, Resend& m) noexcept {
  m = {};
  size_t n = 0;
  const bool good = walk(payload, tag_bit(request::kItem), tag_bit(request::kItem), [&](const Tlv& tlv) {
    if (tlv.tag == request::kId) return tlv.get(m.request);
    return tlv.tag != request::kItem || count<Range>(tlv, n);
  });
  m.ranges = {payload, request::kItem, n};
  return good;
}

void put(TlvWriter& out, const ResendRefused& m) noexcept {
  put_request(out, m.request);
  put_range(out, m.range);
  out.put(refused::kWhy, static_cast<uint8_t>(m.why));
  if (m.oldest != 0) out.put(refused::kOldest, m.oldest);
}

bool get(std::span<const uint8_t> payload, ResendRefused& m) noexcept {
  m = {};
  return walk(payload, tag_bit(request::kItem) | tag_bit(refused::kWhy), 0, [&m](const Tlv& tlv) {
    switch (tlv.tag) {
      case request::kId:
        return tlv.get(m.request);
      case request::kItem:
        return read(tlv, m.range);
      case refused::kWhy: {
        uint8_t why = 0;
        if (!tlv.get(why) || why == 0) return false;
        m.why = static_cast<RefusedWhy>(why);
        return true;
      }
      case refused::kOldest:
        return tlv.get(m.oldest);
      default:
        return true;
    }
  });
}

void put(TlvWriter& out, SkippedWhy why, std::span<const Range> ranges) noexcept {
  out.put(skipped::kWhy, static_cast<uint8_t>(why));
  for (const Range& range : ranges) put_range(out, range);
}

bool get(std::span<const uint8_t> payload, Skipped& m) noexcept {
  m = {};
  size_t n = 0;
  constexpr uint64_t kRequired = tag_bit(skipped::kWhy) | tag_bit(request::kItem);
  const bool good = walk(payload, kRequired, tag_bit(request::kItem), [&](const Tlv& tlv) {
    if (tlv.tag == skipped::kWhy) {
      uint8_t why = 0;
      if (!tlv.get(why) || why == 0) return false;
      m.why = static_cast<SkippedWhy>(why);
      return true;
    }
    return tlv.tag != request::kItem || count<Range>(tlv, n);
  });
  m.ranges = {payload, request::kItem, n};
  return good;
}

void put(TlvWriter& out, std::span<const LastSequence> last) noexcept {
  for (const LastSequence& each : last) {
    if (uint8_t* to = out.open(definition::kEntry, kLastBytes)) {
      store(to, each.source);
      store(to + 2, each.sequence);
    }
  }
}

bool get(std::span<const uint8_t> payload, Heartbeat& m) noexcept {
  m = {};
  size_t n = 0;
  const bool good = walk(payload, 0, tag_bit(definition::kEntry),
                         [&n](const Tlv& tlv) { return tlv.tag != definition::kEntry || count<LastSequence>(tlv, n); });
  m.last = {payload, definition::kEntry, n};
  return good;
}

void put(TlvWriter& out, const ErrorMessage& m) noexcept {
  out.put(error::kCode, static_cast<uint16_t>(m.code));
  if (!m.text.empty()) out.text(error::kText, m.text);
  if (m.request != 0) out.put(error::kRequest, m.request);
  if (m.fatal) out.put(error::kFatal, uint8_t{1});
}

bool get(std::span<const uint8_t> payload, ErrorMessage& m) noexcept {
  m = {};
  return walk(payload, tag_bit(error::kCode), 0, [&m](const Tlv& tlv) {
    switch (tlv.tag) {
      case error::kCode:
        return code(tlv, m.code);
      case error::kText:
        return text_up_to(tlv, kMaxReason, m.text);
      case error::kRequest:
        return tlv.get(m.request);
      case error::kFatal: {
        uint8_t fatal = 0;
        if (!tlv.get(fatal) || fatal > 1) return false;
        m.fatal = fatal == 1;
        return true;
      }
      default:
        return true;
    }
  });
}

void put(TlvWriter& out, const Ping& m) noexcept { out.put(ping::kToken, m.token); }

bool get(std::span<const uint8_t> payload, Ping& m) noexcept {
  m = {};
  return walk(payload, tag_bit(ping::kToken), 0,
              [&m](const Tlv& tlv) { return tlv.tag != ping::kToken || tlv.get(m.token); });
}

void put(TlvWriter& out, const Pong& m) noexcept { out.put(ping::kToken, m.token); }

bool get(std::span<const uint8_t> payload, Pong& m) noexcept {
  m = {};
  return walk(payload, tag_bit(ping::kToken), 0,
              [&m](const Tlv& tlv) { return tlv.tag != ping::kToken || tlv.get(m.token); });
}

void put(TlvWriter& out, const Bye& m) noexcept {
  out.put(bye::kCode, static_cast<uint16_t>(m.why));
  if (!m.text.empty()) out.text(bye::kText, m.text);
  if (m.retry_after_ms != 0) out.put(bye::kRetryAfter, m.retry_after_ms);
}

bool get(std::span<const uint8_t> payload, Bye& m) noexcept {
  m = {};
  return walk(payload, tag_bit(bye::kCode), 0, [&m](const Tlv& tlv) {
    switch (tlv.tag) {
      case bye::kCode:
        return code(tlv, m.why);
      case bye::kText:
        return text_up_to(tlv, kMaxReason, m.text);
      case bye::kRetryAfter:
        return tlv.get(m.retry_after_ms);
      default:
        return true;
    }
  });
}

}  // namespace tickwire::wire
