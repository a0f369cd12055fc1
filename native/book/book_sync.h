// Keeps the book of one instrument equal to the venue's, or says that it is not.
//
//             connected()                 snapshot
//   kWaiting ─────────────▶ (kWaiting) ─────────────▶ kSynced ─┐ gap, checksum, crossed, …, disconnected()
//      ▲                     keeps deltas   ▲                  │
//      │ reset()                            └──── kStale ◀─────┘
//                                  snapshot, or the missing events after all
//
// Several connections may feed one book, as two paths at once or one after the other, when the venue's events have ids
// that say what follows what (kIncrement, kRange, kPrevious): what came before is dropped, so each event counts once.
// One thread. Nothing is allocated per event once buffers have grown; memory is bounded by the policy.
#pragma once
#include <cstdint>

#include "book/event.h"
#include "book/event_buffer.h"
#include "book/order_book.h"
#include "book/policy.h"
#include "book/reason.h"
#include "book/recent_events.h"

namespace tickwire::book {

enum class State : uint8_t {
  kWaiting,  // no contents yet
  kSynced,   // the contents are the venue's, as of last_id()
  kStale,    // the contents are what was known last: to be read, not to be traded on. Nothing changes them but a
             // snapshot, or after a gap the very events that were missing.
};

// What the book needs from outside. It is told once, in the outcome, and stands in want() until it is answered: whoever
// failed to get it tries again at a time of his choice.
enum class Want : uint8_t {
  kNothing,
  kSnapshot,     // fetch one and show it to on_event(), with `request` of the outcome
  kResubscribe,  // so that the venue sends one in the stream
};

enum class Action : uint8_t {
  kApplied,    // the contents are now as of this event
  kBuffered,   // kept until a snapshot comes
  kDuplicate,  // the book has had it, or something newer
  kIgnored,    // nothing it could be good for: a delta before the stream's snapshot, a snapshot that nobody wants
  kTooOld,     // a fetched snapshot from before the kept events: the contents are as they were, `want` asks again
  kStale,      // the book is stale since this event, because of `reason`
  kRefused,    // the same, and it was not synced before either
};

struct Outcome {
  Action action = Action::kIgnored;
  Reason reason = Reason::kNone;
  Want want = Want::kNothing;  // news only; see BookSync::want()
  bool synced_now = false;     // the book has become kSynced
  bool crossed = false;        // kApplied: the best bid is not below the best ask
  uint32_t request = 0;        // number of the want, for Event::request
  // Depth (0 = best) of the best level that this event changed on a side; kUntouched if none.
  uint32_t touched_bids = kUntouched;
  uint32_t touched_asks = kUntouched;
  // kGap: ids. kChecksum: checksums. kEventSize, kDepth: levels.
  int64_t expected = 0;
  int64_t got = 0;
};

struct SyncCounters {
  uint64_t snapshots = 0;   // applied
  uint64_t events = 0;      // deltas applied, those that had been kept included
  uint64_t changes = 0;     // levels in them
  uint64_t duplicates = 0;  // kDuplicate
  uint64_t ignored = 0;     // kIgnored
  uint64_t buffered = 0;    // kBuffered
  uint64_t overflows = 0;   // times that kept events became too many and were forgotten
  uint64_t too_old = 0;     // kTooOld
  uint64_t healed = 0;      // gaps that ended because the missing events came after all
  uint64_t checksums = 0;   // verified
  uint64_t stale[static_cast<size_t>(Reason::kCount)] = {};  // times that a synced book became stale, by reason
};

class BookSync {
 public:
  explicit BookSync(const Policy& policy);

  // A stream of deltas for this book is subscribed now. Where snapshots are fetched, one is wanted from here on;
  // without this call, from the first delta on (an instrument that nobody trades would wait for long).
  Outcome connected();
  // The last connection that fed this book is gone: it is stale, ids and kept events are forgotten, nothing is wanted.
  Outcome disconnected();
  // Any event of the stream, and any fetched snapshot.
  Outcome on_event(const Event& event);
  // The feeder knows that it missed something: a gap in the connection's numbers, an overflow, a row that was cut.
  // Events from here on are good. A book that waits asks as well: the stream's snapshot may be what was missed.
  Outcome lose(Reason reason, int64_t expected = 0, int64_t got = 0);
  // As new; counters stay.
  void reset();

  // While several connections feed the book: up to so many events that lie ahead are held back, because what is before
  // them may come on a slower one; the book stays synced as of last_id(). 0, as at first: each is a gap at once.
  void hold(uint32_t events) noexcept { hold_ = events; }
  // Events that are held back now.
  [[nodiscard]] size_t held() const noexcept { return synced() ? kept_.size() : 0; }
  // What is held back has waited long enough, by the clock of the feeder: what is missing before it is a gap.
  Outcome give_up();

  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] bool synced() const noexcept { return state_ == State::kSynced; }
  // Why the book is stale; kNone when it is not.
  [[nodiscard]] Reason reason() const noexcept { return reason_; }
  [[nodiscard]] const OrderBook& book() const noexcept { return book_; }
  // Id as of which the contents are; kAbsent where the venue has none or it was forgotten.
  [[nodiscard]] int64_t last_id() const noexcept { return last_id_; }
  [[nodiscard]] Want want() const noexcept { return want_; }
  // Number of the newest want.
  [[nodiscard]] uint32_t request() const noexcept { return request_; }
  [[nodiscard]] size_t kept_events() const noexcept { return kept_.size(); }
  [[nodiscard]] const SyncCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] const Policy& policy() const noexcept { return policy_; }

 private:
  Outcome on_snapshot(const Event& event, bool restart);
  Outcome on_delta(const Event& event);
  Outcome take_snapshot(const Event& event, bool fetched);
  Outcome take_news(const Event& event);
  Outcome keep(const Event& event);
  Outcome duplicate(const Event& event);
  Outcome ahead(const Event& event);
  Outcome gap(const Event& event);
  Outcome lost(Reason reason, int64_t expected, int64_t got);
  void now_synced(Outcome& outcome) noexcept;
  void ask(Outcome& outcome) noexcept;
  void snapshot_failed() noexcept;
  void report_touched(Outcome& outcome) noexcept;

  // The rules (book_rules.cc): nothing here changes anything.
  [[nodiscard]] bool ids_follow() const noexcept;  // whether ids say what follows what
  [[nodiscard]] bool has_ids(const Event& event) const noexcept;
  [[nodiscard]] bool continues(const Event& event) const noexcept;
  [[nodiscard]] bool is_old(const Event& event) const noexcept;
  [[nodiscard]] bool reaches_kept(const Event& snapshot) const noexcept;

  // Each is kNone, or why the book is not to be trusted.
  struct Verdict {
    Reason reason = Reason::kNone;
    int64_t expected = 0;
    int64_t got = 0;
  };
  [[nodiscard]] Verdict refused(Reason reason, const Event& event) const noexcept;
  [[nodiscard]] Verdict apply(const Event& delta);
  [[nodiscard]] Verdict apply_kept();
  [[nodiscard]] Verdict verify(const Event& event);
  [[nodiscard]] Verdict gap_before(const Event& event) const noexcept;

  Policy policy_;
  OrderBook book_;
  EventBuffer kept_;
  RecentEvents recent_;
  SyncCounters counters_;
  int64_t last_id_ = kAbsent;
  int64_t forgotten_id_ = kAbsent;  // a snapshot must be as new as this: later events could not be kept
  uint64_t restart_levels_ = 0;     // of the newest restart: a hash of what it said
  uint32_t hold_ = 0;
  uint32_t duplicates_in_a_row_ = 0;
  uint32_t unknown_in_a_row_ = 0;  // of these, such as the book has not had lately
  uint32_t snapshots_failed_ = 0;  // in a row
  uint32_t request_ = 0;
  State state_ = State::kWaiting;
  Reason reason_ = Reason::kNone;
  Want want_ = Want::kNothing;
  bool joining_ = false;    // nothing has followed the fetched snapshot yet: the first may begin before it
  bool resumable_ = false;  // stale by a gap only: the contents are as of last_id_, and what is missing may still come
};

}  // namespace tickwire::book
