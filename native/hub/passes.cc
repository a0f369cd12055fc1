// When passes start, what they do first, and how they are cut into slices.
#include <algorithm>

#include "hub/broadcast_loop.h"

namespace tickwire::hub {
namespace {

// Shorter pauses are not worth a timer.
constexpr int64_t kShortestPauseNs = 20'000;

}  // namespace

uint64_t BroadcastLoop::floor() noexcept { return publication_.gate(index_).floor.load(std::memory_order_relaxed); }

uint64_t BroadcastLoop::safe_index(Lane lane) noexcept {
  const EntryLog& log = publication_.log();
  const BroadcastRing& ring = publication_.ring(lane);
  const uint64_t head = publication_.head(lane);
  const uint64_t entries = log.capacity() / 8;
  const uint64_t from = std::max(floor(), head > entries ? head - entries : 0);
  return from >= head ? from : ring.first_within(from, head, ring.capacity() / 8);
}

bool BroadcastLoop::has_news() const noexcept {
  for (const auto& group : groups_) {
    if (group->size() != 0 && publication_.head(group->lane()) > group->marked()) return true;
  }
  return compressing_ && publication_.log().head() > compressor_->next();
}

void BroadcastLoop::on_news() {
  if (released_ || pass_state_ == PassState::kRunning) return;
  if (pass_state_ == PassState::kPlanned) {
    if (!pass_timer_.armed()) return;  // it starts in the next turn anyhow
    // Woken before the pause is over: enough is waiting.
    loop_.timers().disarm(pass_timer_);
    return start_pass();
  }
  if (!has_news()) return become_idle();
  if (pace_.next_start() <= loop_.now_ns()) return start_pass();
  plan_pass(loop_.now_ns());
}

void BroadcastLoop::plan_pass(int64_t now_ns) {
  pass_state_ = PassState::kPlanned;
  const int64_t at = pace_.next_start();
  if (at - now_ns < kShortestPauseNs) return loop_.resume_later(*this);
  loop_.timers().arm(pass_timer_, at);
  LoopGate& gate = publication_.gate(index_);
  const uint64_t enough = marked_bytes_ + options().flush.bytes;
  gate.wish(enough);
  if (publication_.published_bytes() >= enough) {
    gate.awake();
    loop_.timers().disarm(pass_timer_);
    loop_.resume_later(*this);
  }
}

void BroadcastLoop::on_pass_timer(int64_t) { start_pass(); }

void BroadcastLoop::on_resume() {
  if (pass_state_ == PassState::kRunning) {
    continue_pass();
  } else {
    start_pass();
  }
}

// Wants to be woken by the next message, unless it came already.
void BroadcastLoop::become_idle() {
  pass_state_ = PassState::kIdle;
  LoopGate& gate = publication_.gate(index_);
  if (!reads_anything()) return gate.awake();
  gate.wish(0);
  if (!has_news()) return;
  gate.awake();
  plan_pass(loop_.now_ns());
}

void BroadcastLoop::start_pass() {
  publication_.gate(index_).awake();
  pass_state_ = PassState::kRunning;
  pace_.started(loop_.refresh_now());
  counters_.passes.add();
  marked_bytes_ = publication_.published_bytes();
  if (compressing_) run_compressor();
  move_floor();
  for (const auto& group : groups_) {
    if (group->size() != 0) group->mark(publication_.head(group->lane()));
  }
  slow_watch_.check();
  tell_if_drained();
  continue_pass();
}

void BroadcastLoop::continue_pass() {
  SweepBudget budget;
  for (const auto& group : groups_) {
    if (group->size() != 0 && !group->sweep(budget)) return loop_.resume_later(*this);
  }
  end_pass();
}

void BroadcastLoop::end_pass() {
  pace_.ended(loop_.refresh_now());
  pass_state_ = PassState::kIdle;
  move_floor();
  tell_if_drained();
  if (closing_) drain_if_done();
  become_idle();
}

// Lets entries go that the window no longer covers. Those who are in step may still have to be given what the last pass
// had not marked; who is behind and needs what must go is slow.
void BroadcastLoop::move_floor() {
  if (!reads_anything()) return;
  uint64_t begin = publication_.window();
  for (const auto& group : groups_) {
    if (group->size() != 0) begin = std::min(begin, group->marked());
  }
  if (compressing_) begin = std::min(begin, compressor_->next());
  if (begin <= floor()) return;
  slow_watch_.give_up(begin);
  // What was read below has been read: the kernel has copied it.
  if (reads_anything()) publication_.gate(index_).floor.store(begin, std::memory_order_release);
}

void BroadcastLoop::tell_if_drained() {
  // The floor was stored; pairs with the publisher's second look in Publication::has_room().
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (publication_.take_refused()) listener_.on_drain();
}

void BroadcastLoop::start_compressor() {
  if (released_) return;
  if (!compressor_) compressor_ = std::make_unique<Compressor>(publication_);
  compressor_->start(publication_.head(Lane::kWsDeflate));
  compressing_ = true;
  if (pass_state_ == PassState::kIdle) become_idle();
}

void BroadcastLoop::run_compressor() {
  {
    const auto lock = publication_.lock();
    if (publication_.close_compressed_lane()) {
      compressing_ = false;
      if (!reads_anything()) publication_.gate(index_).floor.store(LoopGate::kReadsNothing, std::memory_order_release);
      return;
    }
  }
  // It must not keep the window from moving on.
  const BroadcastRing& plain = publication_.ring(Lane::kWs);
  const uint64_t head = publication_.head(Lane::kWs);
  const uint64_t entries = publication_.log().capacity() / 4;
  uint64_t must = head > entries ? head - entries : 0;
  if (compressor_->next() < head) {
    must = std::max(must, plain.first_within(compressor_->next(), head, plain.capacity() / 4));
  }
  if (compressor_->run(must)) owner_.compressed_lane_grew();
}

}  // namespace tickwire::hub
