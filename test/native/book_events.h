// Events written in one line, and an outcome that can be compared.
#pragma once
#include <string>
#include <utility>

#include "book/book_sync.h"
#include "book_rows.h"

namespace tickwire::book::testing {

// An event together with the levels it points to.
class Message {
 public:
  Message() = default;
  Message(Kind kind, Rows bids, Rows asks) : bids_(std::move(bids)), asks_(std::move(asks)) { event_.kind = kind; }
  Message& ids(int64_t first, int64_t last, int64_t prev = kAbsent) {
    event_.first_id = first;
    event_.last_id = last;
    event_.prev_id = prev;
    return *this;
  }
  Message& last(int64_t id) { return ids(kAbsent, id); }
  Message& chain(int64_t prev, int64_t id) { return ids(kAbsent, id, prev); }
  Message& checksum(int64_t sum) {
    event_.checksum = sum;
    return *this;
  }
  Message& request(uint32_t number) {
    event_.request = number;
    return *this;
  }
  [[nodiscard]] Event event() const {
    Event event = event_;
    event.bids = bids_;
    event.asks = asks_;
    return event;
  }

 private:
  Event event_;
  Rows bids_;
  Rows asks_;
};

inline Message snapshot(const char* bids, const char* asks) { return {Kind::kSnapshot, rows(bids), rows(asks)}; }
inline Message delta(const char* bids, const char* asks) { return {Kind::kDelta, rows(bids), rows(asks)}; }

}  // namespace tickwire::book::testing
