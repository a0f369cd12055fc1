#include "wire/market.h"

#include "wire/tlv_walk.h"

namespace tickwire::wire {
namespace {

constexpr uint8_t kHead = 1;
constexpr uint8_t kExchangeTime = 32;
constexpr uint8_t kExchangeSequence = 33;

namespace quote {
constexpr uint8_t kCompact = kCompactTag, kWide = 2;
constexpr size_t kWideBytes = 38;
}  // namespace quote
namespace trade {
constexpr size_t kHeadBytes = 30;
constexpr int kSideShift = 6;
constexpr uint8_t kScaleMask = 63;
}  // namespace trade
namespace book {
constexpr uint8_t kBids = 2, kAsks = 3;
constexpr size_t kHeadBytes = 22;
}  // namespace book
namespace signal {
constexpr uint8_t kConfidence = 2, kValidUntil = 3, kNote = 4;
constexpr size_t kHeadBytes = 16;
}  // namespace signal
namespace execution {
constexpr uint8_t kOrderId = 2, kClientOrderId = 3, kExecutionId = 4, kAveragePrice = 5, kFee = 6, kFeeCurrency = 7,
                  kReason = 8;
constexpr size_t kHeadBytes = 40;
constexpr size_t kScaledBytes = 9;
}  // namespace execution

constexpr int64_t kLimit48 = int64_t{1} << 48;

void store48(uint8_t* to, int64_t value) noexcept { std::memcpy(to, &value, 6); }

template <class T>
bool take(const Tlv& tlv, std::optional<T>& out) noexcept {
  return tlv.get(out.emplace());
}

bool take_text(const Tlv& tlv, size_t least, size_t most, std::optional<std::string_view>& out) noexcept {
  out = tlv.text();
  return out->size() >= least && out->size() <= most;
}

bool take_scaled(const Tlv& tlv, std::optional<ScaledNumber>& out) noexcept {
  if (tlv.value.size() != execution::kScaledBytes) return false;
  out = {tlv.value[0], load<int64_t>(tlv.value.data() + 1)};
  return out->scale <= kMaxScale;
}

// The fields that all of them share; true also for those that nobody knows.
bool take_shared(const Tlv& tlv, ExchangeStamp& exchange) noexcept {
  if (tlv.tag == kExchangeTime) return take(tlv, exchange.time_ns);
  if (tlv.tag == kExchangeSequence) return take(tlv, exchange.sequence);
  return true;
}

void put_shared(TlvWriter& out, const ExchangeStamp& exchange) noexcept {
  if (exchange.time_ns) out.put(kExchangeTime, *exchange.time_ns);
  if (exchange.sequence) out.put(kExchangeSequence, *exchange.sequence);
}

// The field that says what a message is about comes first.
bool starts_with(std::span<const uint8_t> payload, uint8_t tag) noexcept {
  return !payload.empty() && payload[0] == tag;
}

bool fits_compact(const Quote& m) noexcept {
  int64_t spread = 0;
  return m.bid != kNoPrice && m.ask != kNoPrice && !__builtin_sub_overflow(m.ask, m.bid, &spread) &&
         spread >= INT32_MIN && spread <= INT32_MAX && m.bid_size >= 0 && m.bid_size < kLimit48 && m.ask_size >= 0 &&
         m.ask_size < kLimit48;
}

bool read_wide(const Tlv& tlv, Quote& m) noexcept {
  if (tlv.value.size() != quote::kWideBytes) return false;
  const uint8_t* from = tlv.value.data();
  m.symbol = load<uint32_t>(from);
  m.price_scale = from[4];
  m.size_scale = from[5];
  m.bid = load<int64_t>(from + 6);
  m.ask = load<int64_t>(from + 14);
  m.bid_size = load<int64_t>(from + 22);
  m.ask_size = load<int64_t>(from + 30);
  return m.price_scale <= kMaxScale && m.size_scale <= kMaxScale && (m.bid != kNoPrice || m.bid_size == 0) &&
         (m.ask != kNoPrice || m.ask_size == 0);
}

bool read_compact(const Tlv& tlv, Quote& m) noexcept {
  CompactQuote q{};
  if (tlv.value.size() != kCompactBytes || !read_compact_quote(tlv.value.data(), q)) return false;
  m.symbol = q.symbol;
  m.price_scale = q.price_scale;
  m.size_scale = q.size_scale;
  m.bid = q.bid;
  m.ask = q.ask;
  m.bid_size = q.bid_size;
  m.ask_size = q.ask_size;
  return true;
}

bool levels(const Tlv& tlv, Levels& out) noexcept {
  out = Levels(tlv.value);
  return tlv.value.size() % Levels::kBytes == 0;
}

}  // namespace

void put(TlvWriter& out, const Quote& m) noexcept {
  if (fits_compact(m)) {
    if (uint8_t* to = out.open(quote::kCompact, kCompactBytes)) {
      store(to, m.symbol);
      to[4] = m.price_scale;
      to[5] = m.size_scale;
      store(to + 6, m.bid);
      store(to + 14, static_cast<int32_t>(m.ask - m.bid));
      store48(to + 18, m.bid_size);
      store48(to + 24, m.ask_size);
    }
  } else if (uint8_t* to = out.open(quote::kWide, quote::kWideBytes)) {
    store(to, m.symbol);
    to[4] = m.price_scale;
    to[5] = m.size_scale;
    store(to + 6, m.bid);
    store(to + 14, m.ask);
    store(to + 22, m.bid_size);
    store(to + 30, m.ask_size);
  }
  put_shared(out, m.exchange);
}

bool get(std::span<const uint8_t> payload, Quote& m) noexcept {
  m = {};
  if (!starts_with(payload, quote::kCompact) && !starts_with(payload, quote::kWide)) return false;
  const uint8_t first = payload[0];
  return walk(payload, tag_bit(first), 0, [&m, first](const Tlv& tlv) {
    switch (tlv.tag) {
      case quote::kCompact:
        return first == quote::kCompact && read_compact(tlv, m);
      case quote::kWide:
        return first == quote::kWide && read_wide(tlv, m);
      default:
        return take_shared(tlv, m.exchange);
    }
  });
}

void put(TlvWriter& out, const Trade& m) noexcept {
  if (uint8_t* to = out.open(kHead, trade::kHeadBytes)) {
    store(to, m.symbol);
    to[4] = m.price_scale;
    to[5] = static_cast<uint8_t>(m.size_scale | static_cast<uint8_t>(m.side) << trade::kSideShift);
    store(to + 6, m.price);
    store(to + 14, m.size);
    store(to + 22, m.id);
  }
  put_shared(out, m.exchange);
}

bool get(std::span<const uint8_t> payload, Trade& m) noexcept {
  m = {};
  if (!starts_with(payload, kHead)) return false;
  return walk(payload, tag_bit(kHead), 0, [&m](const Tlv& tlv) {
    if (tlv.tag != kHead) return take_shared(tlv, m.exchange);
    if (tlv.value.size() != trade::kHeadBytes) return false;
    const uint8_t* from = tlv.value.data();
    m.symbol = load<uint32_t>(from);
    m.price_scale = from[4];
    m.size_scale = from[5] & trade::kScaleMask;
    const uint8_t side = from[5] >> trade::kSideShift;
    m.side = static_cast<Side>(side);
    m.price = load<int64_t>(from + 6);
    m.size = load<int64_t>(from + 14);
    m.id = load<uint64_t>(from + 22);
    return m.price_scale <= kMaxScale && m.size_scale <= kMaxScale && side <= 2;
  });
}

void put(TlvWriter& out, const Book& m) noexcept {
  if (uint8_t* to = out.open(kHead, book::kHeadBytes)) {
    store(to, m.symbol);
    to[4] = m.price_scale;
    to[5] = m.size_scale;
    store(to + 6, m.first_update);
    store(to + 14, m.last_update);
  }
  if (m.bids.size() != 0) out.bytes(book::kBids, m.bids.bytes());
  if (m.asks.size() != 0) out.bytes(book::kAsks, m.asks.bytes());
  put_shared(out, m.exchange);
}

bool get(std::span<const uint8_t> payload, Book& m) noexcept {
  m = {};
  if (!starts_with(payload, kHead)) return false;
  return walk(payload, tag_bit(kHead), 0, [&m](const Tlv& tlv) {
    switch (tlv.tag) {
      case kHead: {
        if (tlv.value.size() != book::kHeadBytes) return false;
        const uint8_t* from = tlv.value.data();
        m.symbol = load<uint32_t>(from);
        m.price_scale = from[4];
        m.size_scale = from[5];
        m.first_update = load<uint64_t>(from + 6);
        m.last_update = load<uint64_t>(from + 14);
        return m.price_scale <= kMaxScale && m.size_scale <= kMaxScale && m.first_update <= m.last_update;
      }
      case book::kBids:
        return levels(tlv, m.bids);
      case book::kAsks:
        return levels(tlv, m.asks);
      default:
        return take_shared(tlv, m.exchange);
    }
  });
}

void put(TlvWriter& out, const Signal& m) noexcept {
  if (uint8_t* to = out.open(kHead, signal::kHeadBytes)) {
    store(to, m.symbol);
    store(to + 4, m.name);
    store(to + 8, m.value);
  }
  if (m.confidence) out.put(signal::kConfidence, *m.confidence);
  if (m.valid_until_ns) out.put(signal::kValidUntil, *m.valid_until_ns);
  if (m.note) out.text(signal::kNote, *m.note);
  put_shared(out, m.exchange);
}

bool get(std::span<const uint8_t> payload, Signal& m) noexcept {
  m = {};
  if (!starts_with(payload, kHead)) return false;
  return walk(payload, tag_bit(kHead), 0, [&m](const Tlv& tlv) {
    switch (tlv.tag) {
      case kHead:
        if (tlv.value.size() != signal::kHeadBytes) return false;
        m.symbol = load<uint32_t>(tlv.value.data());
        m.name = load<uint32_t>(tlv.value.data() + 4);
        m.value = load<double>(tlv.value.data() + 8);
        return true;
      case signal::kConfidence:
        return take(tlv, m.confidence);
      case signal::kValidUntil:
        return take(tlv, m.valid_until_ns);
      case signal::kNote:
        return take_text(tlv, 0, Signal::kMaxNote, m.note);
      default:
        return take_shared(tlv, m.exchange);
    }
  });
}

void put(TlvWriter& out, const Execution& m) noexcept {
  if (uint8_t* to = out.open(kHead, execution::kHeadBytes)) {
    store(to, m.symbol);
    to[4] = m.price_scale;
    to[5] = m.size_scale;
    to[6] = static_cast<uint8_t>(m.side);
    to[7] = static_cast<uint8_t>(m.status);
    store(to + 8, m.last_price);
    store(to + 16, m.last_size);
    store(to + 24, m.filled_size);
    store(to + 32, m.open_size);
  }
  const auto scaled = [&out](uint8_t tag, const std::optional<ScaledNumber>& number) {
    if (!number) return;
    if (uint8_t* to = out.open(tag, execution::kScaledBytes)) {
      to[0] = number->scale;
      store(to + 1, number->mantissa);
    }
  };
  out.text(execution::kOrderId, m.order_id);
  if (m.client_order_id) out.text(execution::kClientOrderId, *m.client_order_id);
  if (m.execution_id) out.text(execution::kExecutionId, *m.execution_id);
  scaled(execution::kAveragePrice, m.average_price);
  scaled(execution::kFee, m.fee);
  if (m.fee_currency) out.put(execution::kFeeCurrency, *m.fee_currency);
  if (m.reason) out.text(execution::kReason, *m.reason);
  put_shared(out, m.exchange);
}

bool get(std::span<const uint8_t> payload, Execution& m) noexcept {
  m = {};
  if (!starts_with(payload, kHead)) return false;
  std::optional<std::string_view> order_id;
  const bool good = walk(payload, tag_bit(kHead) | tag_bit(execution::kOrderId), 0, [&m, &order_id](const Tlv& tlv) {
    switch (tlv.tag) {
      case kHead: {
        if (tlv.value.size() != execution::kHeadBytes) return false;
        const uint8_t* from = tlv.value.data();
        m.symbol = load<uint32_t>(from);
        m.price_scale = from[4];
        m.size_scale = from[5];
        m.side = static_cast<Side>(from[6]);
        m.status = static_cast<OrderStatus>(from[7]);
        m.last_price = load<int64_t>(from + 8);
        m.last_size = load<int64_t>(from + 16);
        m.filled_size = load<int64_t>(from + 24);
        m.open_size = load<int64_t>(from + 32);
        return m.price_scale <= kMaxScale && m.size_scale <= kMaxScale && from[6] <= 2 && from[7] != 0;
      }
      case execution::kOrderId:
        return take_text(tlv, 1, Execution::kMaxId, order_id);
      case execution::kClientOrderId:
        return take_text(tlv, 1, Execution::kMaxId, m.client_order_id);
      case execution::kExecutionId:
        return take_text(tlv, 1, Execution::kMaxId, m.execution_id);
      case execution::kAveragePrice:
        return take_scaled(tlv, m.average_price);
      case execution::kFee:
        return take_scaled(tlv, m.fee);
      case execution::kFeeCurrency:
        return take(tlv, m.fee_currency);
      case execution::kReason:
        return take_text(tlv, 0, Execution::kMaxReason, m.reason);
      default:
        return take_shared(tlv, m.exchange);
    }
  });
  if (good) m.order_id = *order_id;
  return good;
}

}  // namespace tickwire::wire
