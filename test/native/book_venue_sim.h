// A venue for the model test of books: it changes its book at random, numbers its messages by one of the rules, and
// remembers what the book was at every moment.
#pragma once
#include <doctest/doctest.h>

#include "book/checksum.h"
#include "book_events.h"
#include "book_truth.h"

namespace tickwire::book::testing {

// What the venue's book was after a message.
struct Moment {
  Truth truth;
  int64_t id = kAbsent;
};

class VenueSim {
 public:
  VenueSim(Venue venue, const Policy& policy, uint64_t seed) : venue_(venue), policy_(policy), random_(seed) {
    if (venue_ == Venue::kBinanceSpot || venue_ == Venue::kBinanceUsdm || venue_ == Venue::kOkx)
      id_ = venue_ == Venue::kOkx ? base_ : 1'000;
    for (int i = 0; i < 40; ++i) truth_.set(change());
    remember();
  }

  // The next message of the stream.
  Message step() {
    const Truth before = policy_.depth == 0 ? Truth() : seen(truth_);
    if (venue_ == Venue::kBybit && chance(1, 300)) return restart();
    if (venue_ == Venue::kOkx && chance(1, 20)) return delta_of({}).ids(kAbsent, id_, id_).checksum(sum());
    std::vector<Change> changes;
    for (int64_t n = 1 + below(5); n > 0; --n) changes.push_back(change());
    for (const Change& c : changes) truth_.set(c);
    if (policy_.depth != 0) changes = visible(before);
    Message message = delta_of(changes);
    const int64_t prev = id_;
    switch (venue_) {
      case Venue::kBinanceSpot:
        id_ += 1 + below(6);
        message.ids(prev + 1, id_);
        break;
      case Venue::kBinanceUsdm: {
        const int64_t first = prev + 1 + below(4);
        id_ = first + below(6);
        message.ids(first, id_, prev);
        break;
      }
      case Venue::kBybit:
        message.last(++id_);
        break;
      case Venue::kOkx:
        id_ = chance(1, 200) ? after_maintenance() : id_ + 16 * (1 + below(3));
        message.chain(prev, id_).checksum(sum());
        break;
      case Venue::kKraken:
        message.checksum(sum());
        break;
      case Venue::kCoinbase:
        break;
    }
    remember();
    return message;
  }

  // As the venue gives it now, or as a cache gave it `age` messages ago.
  Message snapshot(size_t age = 0) {
    const Moment& moment = moments_[moments_.size() - 1 - std::min(age, moments_.size() - 1)];
    Message message(Kind::kSnapshot, rows(moment.truth.side(true)), rows(moment.truth.side(false)));
    message.ids(kAbsent, moment.id, venue_ == Venue::kOkx ? -1 : kAbsent);
    if (policy_.checksum != ChecksumRule::kNone) message.checksum(sum_of(moment.truth));
    return message;
  }

  [[nodiscard]] const std::vector<Moment>& moments() const { return moments_; }
  [[nodiscard]] size_t now() const { return moments_.size() - 1; }

  int64_t below(uint64_t n) { return static_cast<int64_t>(random_() % n); }
  bool chance(uint64_t of, uint64_t in) { return random_() % in < of; }

 private:
  Change change() {
    const bool bid = chance(1, 2);
    const int64_t price = 50'000 + (bid ? -1 : 1) * (1 + below(chance(1, 10) ? 50 : 15));
    std::string text = text_of(price, 2);
    if (chance(1, 30)) text = text_of(price * 10 + 5, 3);  // finer than before
    const int64_t size = chance(1, 3) ? 0 : 1 + below(1'000'000);
    return {bid, text, text_of(size, chance(1, 5) ? 8 : 4)};
  }
  // Ids go back, and never to one that was already there. A fetched snapshot is joined by comparing ids, which means
  // nothing when those of before and after reach over each other.
  int64_t after_maintenance() {
    if (policy_.seed == Seed::kFetched) return base_ -= 1'000'000;
    epoch_ = (epoch_ + 1) % 16;
    int64_t id = 16 * (1 + below(20)) + epoch_;
    while (std::any_of(moments_.begin(), moments_.end(), [&](const Moment& m) { return m.id == id; })) id += 16;
    return id;
  }
  Message restart() {
    Truth fresh;
    for (int i = 0; i < 40; ++i) fresh.set(change());
    truth_ = fresh;
    id_ = 1;
    remember();
    Message message(chance(1, 2) ? Kind::kSnapshot : Kind::kDelta, rows(truth_.side(true)), rows(truth_.side(false)));
    return message.last(1);
  }
  static Message delta_of(const std::vector<Change>& changes) {
    Rows bids;
    Rows asks;
    for (const Change& c : changes) (c.bid ? bids : asks).push_back(row(c.price + "/" + c.size));
    return {Kind::kDelta, bids, asks};
  }
  // The part of the book that a subscription has.
  [[nodiscard]] Truth seen(const Truth& truth) const {
    if (policy_.depth == 0) return truth;
    Truth cut;
    for (const bool bid : {true, false}) {
      for (const std::string& text : truth.side(bid, policy_.depth != 0 ? policy_.depth : SIZE_MAX))
        cut.set({bid, text.substr(0, text.find('/')), text.substr(text.find('/') + 1)});
    }
    return cut;
  }
  // What a subscription to `depth` levels is told: levels that left the book, and those that are new or changed in the
  // best ones; not those that were pushed out.
  [[nodiscard]] std::vector<Change> visible(const Truth& before) const {
    std::vector<Change> changes;
    for (const bool bid : {true, false}) {
      const Texts now = truth_.side(bid, policy_.depth);
      const Texts all = truth_.side(bid);
      const Texts old = before.side(bid);
      const auto price_of = [](const std::string& text) { return text.substr(0, text.find('/')); };
      for (const std::string& text : old) {
        const Wide price = wide(price_of(text));
        if (std::none_of(all.begin(), all.end(), [&](const std::string& t) { return wide(price_of(t)) == price; }))
          changes.push_back({bid, price_of(text), "0"});
      }
      for (const std::string& text : now) {
        if (std::find(old.begin(), old.end(), text) == old.end())
          changes.push_back({bid, price_of(text), text.substr(text.find('/') + 1)});
      }
    }
    return changes;
  }
  // By the core's function: that it is right is book_checksum_test's business.
  [[nodiscard]] int64_t sum_of(const Truth& truth) const {
    OrderBook book{Policy{}};
    const Message all(Kind::kSnapshot, rows(truth.side(true)), rows(truth.side(false)));
    REQUIRE(book.load(all.event()) == Reason::kNone);
    return policy_.checksum == ChecksumRule::kOkx ? int64_t{okx_checksum(book)} : int64_t{kraken_checksum(book)};
  }
  [[nodiscard]] int64_t sum() const { return policy_.checksum == ChecksumRule::kNone ? kAbsent : sum_of(seen(truth_)); }
  void remember() { moments_.push_back({seen(truth_), id_}); }

  Venue venue_;
  Policy policy_;
  std::mt19937_64 random_;
  Truth truth_;
  int64_t id_ = 1;
  int64_t epoch_ = 0;
  int64_t base_ = 1'000'000'000;
  std::vector<Moment> moments_;
};

}  // namespace tickwire::book::testing
