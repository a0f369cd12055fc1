// A venue of 200 moments, and its messages in any order, any number of times or never, with snapshots of any moment,
// bad messages, connections that come and go. By any rule whose ids say what follows what, a book that says it is
// synced is what the venue's was at its id, and it does not go back while it says so. Input: the rule, limits, then
// commands.
#include <cstdint>
#include <cstdlib>
#include <map>
#include <vector>

#include "book/book_sync.h"

namespace {

using namespace tickwire::book;

constexpr int kMoments = 200;

void require(bool condition) {
  if (!condition) std::abort();
}

class Input {
 public:
  Input(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}
  [[nodiscard]] bool empty() const { return at_ == end_; }
  uint8_t byte() { return at_ == end_ ? 0 : *at_++; }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

using Levels = std::map<int64_t, int64_t>;  // size by price

struct Moment {
  std::vector<RowLevel> changes[2];
  Levels truth[2];
};

// The same each time: what differs is what the input does with it.
const std::vector<Moment>& moments() {
  static const std::vector<Moment> all = [] {
    std::vector<Moment> made(kMoments);
    uint32_t dice = 1;
    const auto roll = [&dice](uint32_t sides) {
      dice = dice * 1664525 + 1013904223;
      return static_cast<int64_t>((dice >> 8) % sides);
    };
    for (int i = 0; i < kMoments; ++i) {
      Moment& moment = made[static_cast<size_t>(i)];
      if (i != 0) {
        const Moment& before = made[static_cast<size_t>(i) - 1];
        for (int side = 0; side < 2; ++side) moment.truth[side] = before.truth[side];
      }
      for (int64_t n = i == 0 ? 24 : 1 + roll(3); n > 0; --n) {
        const int64_t side = roll(2);
        const int64_t price = side == 0 ? 500 - roll(20) : 501 + roll(20);
        // Each message changes something, so that no two moments are alike.
        int64_t size = roll(3) == 0 && i != 0 ? 0 : 1'000 * i + 1 + roll(1'000);
        if (n == 1) size = 1'000 * i + 1 + roll(1'000);
        moment.changes[side].push_back({price, 1, size, 2});
        if (size == 0) {
          moment.truth[side].erase(price);
        } else {
          moment.truth[side][price] = size;
        }
      }
    }
    return made;
  }();
  return all;
}

int64_t id_of(Continuity continuity, int moment) {
  return continuity == Continuity::kIncrement ? 1'000 + moment : 1'000 + 10 * moment;
}

Event message(Continuity continuity, int moment) {
  Event event;
  event.last_id = id_of(continuity, moment);
  if (continuity == Continuity::kRange) event.first_id = event.last_id - 9;
  if (continuity == Continuity::kPrevious) event.prev_id = event.last_id - 10;
  event.bids = moments()[static_cast<size_t>(moment)].changes[0];
  event.asks = moments()[static_cast<size_t>(moment)].changes[1];
  return event;
}

void compare(const Ladder& ladder, const Levels& truth) {
  const int64_t sign = ladder.side() == Side::kBid ? -1 : 1;
  std::map<int64_t, int64_t> wanted;
  int64_t unit = 1;  // prices are in tenths
  for (int i = 1; i < ladder.price_scale(); ++i) unit *= 10;
  for (const auto& [price, size] : truth) {
    if (ladder.cut() && sign * price * unit > sign * ladder.known_to()) continue;
    wanted[sign * price * unit] = size;
  }
  require(wanted.size() == ladder.size());
  size_t i = 0;
  for (const auto& [key, size] : wanted) {
    require(sign * ladder.at(i).price == key);
    require(ladder.at(i).size == size);
    ++i;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  constexpr Continuity kRules[] = {Continuity::kRange, Continuity::kPrevious, Continuity::kIncrement};
  Policy policy;
  const uint8_t rule = input.byte();
  policy.continuity = kRules[rule % 3];
  policy.seed = (rule / 3) % 2 == 0 ? Seed::kFetched : Seed::kStream;
  policy.max_levels = 4 + input.byte() % 32;
  policy.snapshot_levels = input.byte() % 32;
  policy.min_levels = 1 + input.byte() % 8;
  policy.max_kept_events = 1 + input.byte() % 16;
  policy.max_kept_bytes = 200 + 10u * input.byte();
  policy.max_duplicates = 1 + input.byte();
  policy.price_scale = 1;
  BookSync sync(policy);
  int next = 1;
  int shown_at = -1;  // moment of the synced book
  while (!input.empty()) {
    const bool was_synced = sync.synced();
    Outcome outcome;
    const uint8_t command = input.byte();
    switch (command % 16) {
      default:  // what comes next
        next = next % (kMoments - 1) + 1;
        outcome = sync.on_event(message(policy.continuity, next));
        break;
      case 0:
      case 1:
        next = 1 + input.byte() % (kMoments - 1);
        outcome = sync.on_event(message(policy.continuity, next));
        break;
      case 2:  // near to where it was
        next = 1 + (next + kMoments - 4 + input.byte() % 8) % (kMoments - 1);
        outcome = sync.on_event(message(policy.continuity, next));
        break;
      case 3:
      case 4: {
        const int moment = command % 16 == 3 ? input.byte() % kMoments : next;
        Event event;
        event.kind = Kind::kSnapshot;
        event.last_id = id_of(policy.continuity, moment);
        event.request = input.byte() % 2 == 0 ? 0 : sync.request();
        std::vector<RowLevel> levels[2];
        for (int side = 0; side < 2; ++side) {
          for (const auto& [price, amount] : moments()[static_cast<size_t>(moment)].truth[side])
            levels[side].push_back({price, 1, amount, 2});
          // As the request's limit would have it.
          const auto limit = static_cast<std::ptrdiff_t>(policy.snapshot_levels);
          if (limit == 0 || std::ssize(levels[side]) <= limit) continue;
          if (side == 0) {
            levels[side].erase(levels[side].begin(), levels[side].end() - limit);
          } else {
            levels[side].resize(static_cast<size_t>(limit));
          }
        }
        event.bids = levels[0];
        event.asks = levels[1];
        outcome = sync.on_event(event);
        if (was_synced && policy.seed == Seed::kFetched) require(outcome.action == Action::kIgnored);
        break;
      }
      case 5: {  // what must be refused: the next message without its id or with a level that makes no sense, or a
                 // snapshot
        const RowLevel bad[] = {{500, 1, -1, 2}, {500, 19, 7, 2}, {INT64_MIN, 0, 7, 2}, {500, 1, 7, 19}};
        const uint8_t how = input.byte();
        Event event = message(policy.continuity, (was_synced ? shown_at + 1 : next) % kMoments);
        const std::vector<RowLevel> levels = {{501, 1, 9, 2}, bad[how / 2 % 4]};
        if (how / 8 % 2 == 0) event.kind = Kind::kSnapshot;
        if (how % 2 == 0) {
          event.last_id = kAbsent;
        } else if (event.kind == Kind::kSnapshot || was_synced) {  // kept, it would be found out later
          event.bids = levels;
        }
        const bool taken = event.kind == Kind::kDelta && shown_at != kMoments - 1 && was_synced;
        outcome = sync.on_event(event);
        if (taken) require(!sync.synced());
        break;
      }
      case 6:
        outcome = sync.disconnected();
        require(!sync.synced());
        break;
      case 7:
        outcome = sync.connected();
        break;
      case 8:
        outcome = sync.lose(Reason::kLost);
        require(!sync.synced());
        break;
      case 9:
        sync.hold(input.byte() % 16);
        break;
      case 10:
        outcome = sync.give_up();
        break;
      case 11:
        if (input.byte() % 8 == 0) sync.reset();
        break;
    }
    require((outcome.action == Action::kStale) == (was_synced && !sync.synced() && outcome.reason != Reason::kNone));
    require((sync.reason() != Reason::kNone) == (sync.state() == State::kStale));
    if (outcome.want != Want::kNothing) require(outcome.want == sync.want() && outcome.request == sync.request());
    if (sync.synced()) {
      require(sync.want() == Want::kNothing);
      const int64_t step = policy.continuity == Continuity::kIncrement ? 1 : 10;
      require((sync.last_id() - 1'000) % step == 0);
      const auto moment = static_cast<int>((sync.last_id() - 1'000) / step);
      require(moment >= 0 && moment < kMoments);
      if (was_synced) require(moment >= shown_at);
      shown_at = moment;
      compare(sync.book().bids(), moments()[static_cast<size_t>(moment)].truth[0]);
      compare(sync.book().asks(), moments()[static_cast<size_t>(moment)].truth[1]);
    } else {
      shown_at = -1;
    }
    require(sync.kept_events() <= 17);
  }
  return 0;
}
