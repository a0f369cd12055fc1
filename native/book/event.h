// What one message says about one book.
#pragma once
#include <cstdint>
#include <span>

#include "book/level.h"

namespace tickwire::book {

enum class Kind : uint8_t {
  kSnapshot,  // all levels: what the book held is forgotten
  kDelta,     // changed levels
};

// An id or a checksum that the message does not have.
inline constexpr int64_t kAbsent = INT64_MIN;

// Ids by venue:
//   Binance spot    first = U, last = u; snapshot: last = lastUpdateId
//   Binance USD-M   first = U, last = u, prev = pu; snapshot: last = lastUpdateId
//   Bybit           last = u
//   OKX             last = seqId, prev = prevSeqId, checksum
//   Kraken v2       none; checksum
//   Coinbase        none (sequence_num belongs to the connection: ConnectionSequence)
struct Event {
  Kind kind = Kind::kDelta;
  int64_t first_id = kAbsent;
  int64_t last_id = kAbsent;
  int64_t prev_id = kAbsent;
  int64_t checksum = kAbsent;  // as written: signed with OKX, unsigned with Kraken
  // Of a snapshot that was fetched: BookSync::request() at the time when it was asked for, so that an answer that took
  // very long cannot be taken for a newer one. 0: not known.
  uint32_t request = 0;
  // Of a snapshot in the stream: it comes from a connection that lags behind another, and on which ids grow, so that a
  // smaller id than the book's is nothing but old.
  bool behind = false;
  // Best first in snapshots, though any order is taken; in deltas in the order of the message, where a later change of
  // one price replaces an earlier. Not kept beyond the call.
  std::span<const RowLevel> bids;
  std::span<const RowLevel> asks;
};

}  // namespace tickwire::book
