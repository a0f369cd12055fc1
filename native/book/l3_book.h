// A book of orders (L3) of one instrument, in step with a stream of snapshots and changes that has no ids but a
// checksum (Kraken `level3`), or neither.
#pragma once
#include <cstdint>
#include <span>

#include "book/book_sync.h"
#include "book/order_ladder.h"

namespace tickwire::book {

enum class OrderAct : uint64_t { kAdd, kChange, kRemove };

// Exactly as `orders` fields lie in a row (decode/row_batch.h): an event points into the row.
struct OrderChange {
  OrderAct act;
  OrderRow row;  // kRemove: the id counts
};
static_assert(sizeof(OrderChange) == 64);

struct OrderEvent {
  Kind kind = Kind::kDelta;
  int64_t checksum = kAbsent;
  std::span<const OrderChange> bids;  // in the order of the message; in snapshots all are kAdd
  std::span<const OrderChange> asks;
};

struct L3Policy {
  OrderLimits limits;
  bool checksum = true;  // Kraken's, where events have one
};

struct L3Counters {
  uint64_t applied = 0;  // snapshots and changes
  uint64_t gaps = 0;     // times that a change was of an order that is not here
};

class L3Book {
 public:
  explicit L3Book(const L3Policy& policy)
      : bids_(Side::kBid, policy.limits), asks_(Side::kAsk, policy.limits), checksum_(policy.checksum) {}

  // kApplied; kIgnored, a change before the snapshot; kStale or kRefused, with a reason and, once, Want::kResubscribe.
  Outcome on_event(const OrderEvent& event);
  // The connection is gone, or the feeder missed something (then it wants a new subscription).
  Outcome disconnected() { return lost({Reason::kDisconnected}, false); }
  Outcome lose(Reason reason) { return lost({reason}, true); }

  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] Reason reason() const noexcept { return reason_; }
  [[nodiscard]] bool wants() const noexcept { return wants_; }
  // Number of the newest want.
  [[nodiscard]] uint32_t request() const noexcept { return request_; }
  [[nodiscard]] const L3Counters& counters() const noexcept { return counters_; }
  // While kStale they are what was known last, and an event may be half in.
  [[nodiscard]] const OrderLadder& bids() const noexcept { return bids_; }
  [[nodiscard]] const OrderLadder& asks() const noexcept { return asks_; }

 private:
  struct Verdict {
    Reason reason = Reason::kNone;
    int64_t expected = 0;
    int64_t got = 0;
  };
  Outcome lost(const Verdict& verdict, bool asks);
  [[nodiscard]] Verdict apply(const OrderEvent& event);
  [[nodiscard]] bool crossed() const noexcept;

  OrderLadder bids_;
  OrderLadder asks_;
  State state_ = State::kWaiting;
  Reason reason_ = Reason::kNone;
  L3Counters counters_;
  uint32_t request_ = 0;
  bool checksum_;
  bool wants_ = false;
};

}  // namespace tickwire::book
