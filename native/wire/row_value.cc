#include "wire/row_value.h"

#include <iterator>

namespace tickwire::wire {
namespace {

static_assert(std::size(kWords) == kWordCount);

RowValue pick(const ExchangeStamp& exchange, Of of) noexcept {
  if (of == Of::kExchangeTime && exchange.time_ns) return RowValue::of_int(*exchange.time_ns);
  if (of == Of::kExchangeSequence && exchange.sequence) return RowValue::of_unsigned(*exchange.sequence);
  return {};
}

RowValue of_word(uint32_t first, uint32_t index) noexcept { return RowValue::of_int(first + index); }

RowValue of_text(const std::optional<std::string_view>& text) noexcept {
  return text ? RowValue::of_text(*text) : RowValue{};
}

RowValue of_scaled(const std::optional<ScaledNumber>& number) noexcept {
  return number ? RowValue::of_decimal(number->mantissa, number->scale) : RowValue{};
}

RowValue of_status(OrderStatus status) noexcept {
  const auto index = static_cast<uint32_t>(status) - 1;
  return index < kContentWords - kStatusWords ? of_word(kStatusWords, index) : of_word(kSideWords, 0);
}

// 0 stands for none.
RowValue of_id(uint64_t id) noexcept { return id == 0 ? RowValue{} : RowValue::of_unsigned(id); }

}  // namespace

RowValue pick(const Quote& m, Of of) noexcept {
  switch (of) {
    case Of::kSymbol:
      return RowValue::of_symbol(m.symbol);
    case Of::kBid:
      return m.bid == kNoPrice ? RowValue{} : RowValue::of_decimal(m.bid, m.price_scale);
    case Of::kAsk:
      return m.ask == kNoPrice ? RowValue{} : RowValue::of_decimal(m.ask, m.price_scale);
    case Of::kBidSize:
      return RowValue::of_decimal(m.bid_size, m.size_scale);
    case Of::kAskSize:
      return RowValue::of_decimal(m.ask_size, m.size_scale);
    default:
      return pick(m.exchange, of);
  }
}

RowValue pick(const Trade& m, Of of) noexcept {
  switch (of) {
    case Of::kSymbol:
      return RowValue::of_symbol(m.symbol);
    case Of::kPrice:
      return RowValue::of_decimal(m.price, m.price_scale);
    case Of::kSize:
      return RowValue::of_decimal(m.size, m.size_scale);
    case Of::kSide:
      return of_word(kSideWords, static_cast<uint32_t>(m.side));
    case Of::kTradeId:
      return of_id(m.id);
    default:
      return pick(m.exchange, of);
  }
}

RowValue pick(const Book& m, Of of) noexcept {
  switch (of) {
    case Of::kSymbol:
      return RowValue::of_symbol(m.symbol);
    case Of::kFirstUpdateId:
      return of_id(m.first_update);
    case Of::kLastUpdateId:
      return of_id(m.last_update);
    case Of::kBids:
      return RowValue::of_levels(m.bids.bytes(), m.price_scale, m.size_scale);
    case Of::kAsks:
      return RowValue::of_levels(m.asks.bytes(), m.price_scale, m.size_scale);
    default:
      return pick(m.exchange, of);
  }
}

RowValue pick(const Signal& m, Of of) noexcept {
  switch (of) {
    case Of::kSymbol:
      return RowValue::of_symbol(m.symbol);
    case Of::kName:
      return RowValue::of_symbol(m.name);
    case Of::kValue:
      return RowValue::of_number(m.value);
    case Of::kConfidence:
      return m.confidence ? RowValue::of_number(*m.confidence) : RowValue{};
    case Of::kValidUntil:
      return m.valid_until_ns ? RowValue::of_int(*m.valid_until_ns) : RowValue{};
    case Of::kNote:
      return of_text(m.note);
    default:
      return pick(m.exchange, of);
  }
}

RowValue pick(const Execution& m, Of of) noexcept {
  switch (of) {
    case Of::kSymbol:
      return RowValue::of_symbol(m.symbol);
    case Of::kSide:
      return of_word(kSideWords, static_cast<uint32_t>(m.side));
    case Of::kStatus:
      return of_status(m.status);
    case Of::kLastPrice:
      return RowValue::of_decimal(m.last_price, m.price_scale);
    case Of::kLastSize:
      return RowValue::of_decimal(m.last_size, m.size_scale);
    case Of::kFilledSize:
      return RowValue::of_decimal(m.filled_size, m.size_scale);
    case Of::kOpenSize:
      return RowValue::of_decimal(m.open_size, m.size_scale);
    case Of::kOrderId:
      return RowValue::of_text(m.order_id);
    case Of::kClientOrderId:
      return of_text(m.client_order_id);
    case Of::kExecutionId:
      return of_text(m.execution_id);
    case Of::kAveragePrice:
      return of_scaled(m.average_price);
    case Of::kFee:
      return of_scaled(m.fee);
    case Of::kFeeCurrency:
      return m.fee_currency ? RowValue::of_symbol(*m.fee_currency) : RowValue{};
    case Of::kReason:
      return of_text(m.reason);
    default:
      return pick(m.exchange, of);
  }
}

RowValue pick(const Raw& m, Of of) noexcept {
  switch (of) {
    case Of::kSymbol:
      return RowValue::of_symbol(m.key);
    case Of::kKind:
      return of_word(kContentWords, static_cast<uint32_t>(m.kind) - 1);
    case Of::kContent: {
      RowValue v;
      v.present = true;
      v.bytes = m.content;
      return v;
    }
    default:
      return {};
  }
}

RowValue read_value(ValueKind kind, std::span<const uint8_t> bytes) noexcept {
  const uint8_t* at = bytes.data();
  switch (kind) {
    case ValueKind::kNumber:
      return bytes.size() == 8 ? RowValue::of_number(load<double>(at)) : RowValue{};
    case ValueKind::kInt64:
      return bytes.size() == 8 ? RowValue::of_int(load<int64_t>(at)) : RowValue{};
    case ValueKind::kDecimal:
      return bytes.size() == 9 && at[0] <= kMaxScale ? RowValue::of_decimal(load<int64_t>(at + 1), at[0]) : RowValue{};
    case ValueKind::kSymbol:
      return bytes.size() == 4 ? RowValue::of_symbol(load<uint32_t>(at)) : RowValue{};
    case ValueKind::kBool:
      return bytes.size() == 1 && at[0] <= 1 ? RowValue::of_int(at[0]) : RowValue{};
    case ValueKind::kText: {
      RowValue v;
      v.present = true;
      v.bytes = bytes;
      return v;
    }
    case ValueKind::kLevels:
      if (bytes.size() < 2 || (bytes.size() - 2) % Levels::kBytes != 0 || at[0] > kMaxScale || at[1] > kMaxScale) {
        return {};
      }
      return RowValue::of_levels(bytes.subspan(2), at[0], at[1]);
    case ValueKind::kWord:
      break;  // no user type has one
  }
  return {};
}

}  // namespace tickwire::wire
