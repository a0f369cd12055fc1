// What differs between venues about a book, as data. rules_of() below has that of the known ones.
#pragma once
#include <cstdint>

#include "book/event.h"

namespace tickwire::book {

// How an event shows that it follows what the book has, whose last id is L.
enum class Continuity : uint8_t {
  kNone,        // it does not: only the order of the connection, perhaps a checksum
  kIncreasing,  // last > L; a jump is no gap
  kIncrement,   // last = L + 1
  kRange,       // first ≤ L + 1 and last > L
  kPrevious,    // prev = L, however last compares: ids may go back when the venue starts over
};

// Where snapshots come from.
enum class Seed : uint8_t {
  kStream,   // in the stream, after subscribing; Want::kResubscribe asks for another
  kFetched,  // by a request of its own; deltas are kept until it is there
};

enum class ChecksumRule : uint8_t {
  kNone,    // checksums in events are not looked at
  kOkx,     // 25 levels, bid:ask in turn, with points; 0 is none
  kKraken,  // 10 levels, asks and then bids, digits only
};

enum class CrossedRule : uint8_t {
  kAllow,  // Outcome::crossed and OrderBook::crossed() tell
  kStale,  // the book becomes stale
};

struct Policy {
  Continuity continuity = Continuity::kNone;
  Seed seed = Seed::kStream;
  ChecksumRule checksum = ChecksumRule::kNone;
  CrossedRule crossed = CrossedRule::kAllow;
  // Events with this last id are snapshots whatever they say, and begin new ids (Bybit: 1). kAbsent: there are none
  // such.
  int64_t restart_id = kAbsent;

  // Levels per side that the venue keeps up to date; what is beyond is cut off after every event, because the venue
  // will not say when it goes (Kraken: the subscribed depth). 0: all.
  uint32_t depth = 0;
  // A snapshot with this many levels or more on a side is taken as cut off there: prices beyond its last are unknown
  // (Binance: the `limit` of the request). 0: snapshots are complete.
  uint32_t snapshot_levels = 0;
  // Levels per side that are kept, at least 1. The worst ones go; prices from there on are unknown until the next
  // snapshot, and changes of them are passed over.
  uint32_t max_levels = 10'000;
  // Of a side whose far prices are unknown so many levels must be left, else the book is stale (kDepth): what is shown
  // never has holes, so it becomes short. At least 1: an empty side must mean that nobody quotes.
  uint32_t min_levels = 1;
  // Both sides of one event together.
  uint32_t max_event_levels = 200'000;
  // Deltas kept until a snapshot comes. When they become more, all are forgotten and keeping starts over.
  uint32_t max_kept_events = 1'000;
  uint32_t max_kept_bytes = 1u << 20;
  // So many old events in a row without a new one cannot be a second path; 0: any number.
  uint32_t max_duplicates = 4'096;
  // What the price scale starts with, 0..18. It rises by itself when finer prices come.
  uint8_t price_scale = 0;
};

enum class Venue : uint8_t { kBinanceSpot, kBinanceUsdm, kBybit, kOkx, kKraken, kCoinbase };

// The rules of a venue; limits are the defaults above. Sources are named in policy.cc.
[[nodiscard]] Policy rules_of(Venue venue) noexcept;

}  // namespace tickwire::book
