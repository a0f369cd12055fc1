// In the order of their numbers: rows that are ahead of what is missing wait for it, within a window.
#include <algorithm>
#include <limits>

#include "feed/arbiter.h"
#include "feed/records.h"

namespace tickwire::feed {

Arbiter::Dropped Arbiter::arrange(decode::RowBatch& batch, uint32_t path, uint32_t lane, const ReceiveTimes& times) {
  times_ = times;
  return filter(batch, path, lane, times.rx_ns);
}

void Arbiter::line_up(const decode::RowBatch::Row& row, const uint64_t* words) {
  line_.row({words, row.word_count}, row.shape, row.key, times_);
}

// A row that has passed, and is not there yet.
bool Arbiter::order(Key& key, int64_t number, const decode::RowBatch::Row& row, const uint64_t* words) {
  Order& order = key.order;
  if (!order.started) {
    order.started = true;
    order.next = number;
  }
  // What precedes the first, or was given up.
  if (number < order.next) return false;
  if (number == order.next) {
    line_up(row, words);
    ++order.next;
    release(order, order.next);
    return true;
  }
  held_.add(order.held, number, {words, row.word_count}, row.shape, row.key, times_);
  show_held(1);
  if (!order.listed) {
    order.listed = true;
    holding_.push_back(key.index);
  }
  const int64_t deadline = deadline_after(times_.rx_ns, options_.hold_ns);
  if (!hold_timer_.armed()) channel_.loop().timers().arm(hold_timer_, deadline);
  if (held_.bytes() > options_.hold_bytes) {
    wait_no_longer(key, std::numeric_limits<int64_t>::max());
  } else if (order.held.count > options_.hold_rows) {
    wait_no_longer(key, held_.first(order.held).number);
  }
  return true;
}

// Rows up to `to`, none of which has one that is missing before it, and those that follow them.
void Arbiter::release(Order& order, int64_t to) {
  while (order.held.count != 0) {
    const HeldRow& row = held_.first(order.held);
    if (row.number >= to && row.number != order.next) return;
    order.next = row.number + 1;
    line_.row(row.words, row.shape, row.key, row.times);
    held_.pop(order.held);
    show_held(-1);
  }
}

// What is missing below `number` is told, and what was behind it comes.
void Arbiter::wait_no_longer(Key& key, int64_t number) {
  key.window.give_up(number, [&](int64_t first, int64_t last) { tell_gap(key, first, last); });
  release(key.order, number);
}

void Arbiter::on_hold_timer(int64_t now_ns) {
  int64_t soonest = std::numeric_limits<int64_t>::max();
  std::erase_if(holding_, [&](uint32_t index) {
    Key& key = key_at(index);
    // Whatever has waited long enough does not wait for anything any more.
    int64_t last = std::numeric_limits<int64_t>::min();
    for (uint32_t at = key.order.held.first; at != HeldRows::kNone; at = held_.at(at).next) {
      if (deadline_after(held_.at(at).times.rx_ns, options_.hold_ns) <= now_ns) last = held_.at(at).number;
    }
    if (last != std::numeric_limits<int64_t>::min()) wait_no_longer(key, last);
    for (uint32_t at = key.order.held.first; at != HeldRows::kNone; at = held_.at(at).next) {
      soonest = std::min(soonest, deadline_after(held_.at(at).times.rx_ns, options_.hold_ns));
    }
    key.order.listed = key.order.held.count != 0;
    return !key.order.listed;
  });
  if (!holding_.empty()) channel_.loop().timers().arm(hold_timer_, soonest);
  hand_on();
}

void Arbiter::end() {
  for (const uint32_t index : holding_) {
    Key& key = key_at(index);
    wait_no_longer(key, std::numeric_limits<int64_t>::max());
    key.order.listed = false;
  }
  holding_.clear();
  ends_ = true;
  hand_on();
}

// What is due, as far as there is room.
void Arbiter::hand_on() {
  const bool all = drain();
  // Announcements that wait would come behind it.
  if (all && ends_ && (conflator_ == nullptr || conflator_->waiting().empty())) {
    ends_ = false;
    constexpr double kNoAttempt = std::numeric_limits<double>::quiet_NaN();
    const StateChange end{State::kDisconnected, State::kDisconnected, Errc::kNone, 0, 0, kNoAttempt, {}};
    auto record = state_record(handle_, channel_.loop().now_ns(), end);
    publisher_->control(record);
  }
  publisher_->flush();
}

}  // namespace tickwire::feed
