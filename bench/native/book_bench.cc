// Nanoseconds per level change of an order book, from levels as decoded rows have them, on one thread. One JSON line
// per case:
//   {"bench":"book","case":"near","levels":1000,"ns":11.2,"changesPerSecond":89285714,"changes":655360,"mallocs":0}
// Cases: "near" are deltas of 20 changes, most of them near the best, by Binance's rule; "single" the same with one
// change each; "deep" changes anywhere in the book; "okx" and "kraken" deltas of 5 changes whose checksum is verified
// each time; "twice" is "near" over two paths, of which every other event is a duplicate; "snapshot" are whole
// books of 1000 levels a side, sorted (a level counts as a change), "snapshot-mixed" the same in no order. `mallocs`
// counts those of the last round. The best of several rounds. `book_bench [case]` runs only that.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "book/book_sync.h"
#include "book/checksum.h"
#include "malloc_count.h"

namespace {

using namespace tickwire::book;

constexpr int kRounds = 30;
constexpr int64_t kMiddle = 6'500'000;  // 65000.00

struct Recorded {
  Event event;
  size_t first_level;  // bids, then asks
  size_t bids;
  size_t asks;
};

struct Plan {
  std::string name;
  Policy policy;
  size_t levels = 1'000;  // of each side to begin with
  size_t events = 0;
  size_t changes = 0;  // of each event
  bool deep = false;
  bool twice = false;
  bool snapshots = false;
  bool mixed = false;
};

// Some events on the way, recorded once: what is measured is not how they are made.
class Recording {
 public:
  explicit Recording(const Plan& plan) : plan_(plan), truth_(plan.policy) {
    std::vector<size_t> order(plan.levels);
    for (size_t i = 0; i < plan.levels; ++i) order[i] = i;
    begin(Kind::kSnapshot, plan.levels, plan.levels);
    if (plan.mixed) std::shuffle(order.begin(), order.end(), random_);
    for (const size_t i : order) add(kMiddle - 1 - static_cast<int64_t>(i), size());
    for (const size_t i : order) add(kMiddle + 1 + static_cast<int64_t>(i), size());

    for (size_t i = 0; i < plan.events; ++i) {
      const size_t bids = plan.changes == 1 ? i % 2 : plan.changes / 2;
      begin(Kind::kDelta, bids, plan.changes - bids);
      for (size_t c = 0; c < plan.changes; ++c) {
        const auto distance = static_cast<int64_t>(plan.deep ? random_() % plan.levels : near());
        add(kMiddle + (c < bids ? -1 - distance : 1 + distance), random_() % 3 == 0 ? 0 : size());
      }
    }
    if (plan.snapshots) events_.insert(events_.end(), 200, events_[0]);
    for (size_t i = 0; i < events_.size(); ++i) {
      Recorded& r = events_[i];
      r.event.bids = {levels_.data() + r.first_level, r.bids};
      r.event.asks = {levels_.data() + r.first_level + r.bids, r.asks};
      if (plan.policy.checksum == ChecksumRule::kNone) continue;
      if ((i == 0 ? truth_.load(r.event) : truth_.apply(r.event)) != Reason::kNone) std::abort();
      r.event.checksum =
          plan.policy.checksum == ChecksumRule::kOkx ? int64_t{okx_checksum(truth_)} : int64_t{kraken_checksum(truth_)};
    }
  }
  [[nodiscard]] const std::vector<Recorded>& events() const { return events_; }

 private:
  // Half of all changes are within the best two levels, three quarters within four, and so on.
  size_t near() {
    return std::min<size_t>(plan_.levels - 1,
                            static_cast<size_t>(__builtin_ctzll(random_() | 1ull << 40)) * 2 + random_() % 2);
  }
  int64_t size() { return 1 + static_cast<int64_t>(random_() % 10'000'000); }
  void begin(Kind kind, size_t bids, size_t asks) {
    Recorded r{{}, levels_.size(), bids, asks};
    r.event.kind = kind;
    r.event.prev_id = id_;
    r.event.first_id = id_ + 1;
    r.event.last_id = id_ += kind == Kind::kSnapshot ? 1 : 5;
    events_.push_back(r);
  }
  void add(int64_t price, int64_t size) { levels_.push_back({price, 2, size, 8}); }

  Plan plan_;
  OrderBook truth_;
  std::mt19937_64 random_{42};
  std::vector<Recorded> events_;
  std::vector<RowLevel> levels_;
  int64_t id_ = 1'000;
};

void measure(const Plan& plan) {
  const Recording recording(plan);
  BookSync sync(plan.policy);
  double best = 1e30;
  size_t changes = 0;
  for (int round = 0; round < kRounds; ++round) {
    sync.disconnected();
    sync.connected();
    if (!sync.on_event(recording.events()[0].event).synced_now) std::abort();
    changes = 0;
    mallocs = 0;
    const auto start = std::chrono::steady_clock::now();
    for (size_t i = 1; i < recording.events().size(); ++i) {
      const Event& event = recording.events()[i].event;
      if (sync.on_event(event).action != Action::kApplied) std::abort();
      if (plan.twice && sync.on_event(event).action != Action::kDuplicate) std::abort();
      changes += event.bids.size() + event.asks.size();
    }
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    best = std::min(best, took.count() / static_cast<double>(changes));
  }
  std::printf(
      "{\"bench\":\"book\",\"case\":\"%s\",\"levels\":%zu,\"ns\":%.1f,\"changesPerSecond\":%.0f,\"changes\":%zu,"
      "\"mallocs\":%zu}\n",
      plan.name.c_str(), plan.levels, best, 1e9 / best, changes, mallocs);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string only = argc > 1 ? argv[1] : "";
  Policy binance = rules_of(Venue::kBinanceSpot);
  Policy bybit = rules_of(Venue::kBybit);
  Policy kraken = rules_of(Venue::kKraken);
  kraken.depth = 0;  // the recording does not cut off as the venue would
  for (const Plan& plan : {
           Plan{"near", binance, 1'000, 32'768, 20},
           Plan{"single", binance, 1'000, 262'144, 1},
           Plan{"deep", binance, 4'000, 32'768, 20, true},
           Plan{"twice", binance, 1'000, 32'768, 20, false, true},
           Plan{"okx", rules_of(Venue::kOkx), 400, 16'384, 5},
           Plan{"kraken", kraken, 100, 16'384, 5},
           Plan{"snapshot", bybit, 1'000, 0, 0, false, false, true},
           Plan{"snapshot-mixed", bybit, 1'000, 0, 0, false, false, true, true},
       }) {
    if (only.empty() || only == plan.name) measure(plan);
  }
  return 0;
}
