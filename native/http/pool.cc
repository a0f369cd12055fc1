// Requests on their way: taken, sent or queued, answered, handed over. pool_connections.cc opens, closes and times out.
#include "http/pool.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "http/pool_parts.h"

namespace tickwire::http {
namespace {

constexpr size_t kScratch = 64u << 10;
constexpr size_t kKeepBody = 256u << 10;  // memory for bodies that a slot keeps for its next request

}  // namespace

Pool::Pool(Loop& loop, PoolOptions options, PoolListener& listener)
    : loop_(loop), options_(std::move(options)), listener_(listener), scratch_(kScratch) {
  life_->pool = this;
  // Without TLS there is no ALPN to learn of anything else.
  if (options_.target.tls == nullptr) learn_protocol(false);
}

Result<std::unique_ptr<Pool>> Pool::create(Loop& loop, PoolOptions options, PoolListener& listener) {
  if (options.max_connections == 0 || options.warm > options.max_connections) {
    return Error{Errc::kHttpRequest, 0, "a pool holds at least one connection, and no more warm ones than it may open"};
  }
  return std::unique_ptr<Pool>(new Pool(loop, std::move(options), listener));
}

Pool::~Pool() {
  life_->pool = nullptr;
  attempts_.clear();
  members_.clear();
}

// ---- from any thread

Result<RequestId> Pool::request(const Request& request, const RequestOptions& options) {
  RequestId id = 0;
  bool must_open = false;
  bool must_sweep = false;
  {
    const std::lock_guard lock(mutex_);
    if (!accepting_) return Error{Errc::kNotOpen, 0, "the pool is closed"};
    Slot* const slot = take_slot();
    if (slot == nullptr) return Error{Errc::kHttpQueueFull, 0, "too many requests at once"};
    id = slot->id();
    const int64_t now = mono_ns();
    slot->timeouts = options.timeouts;
    slot->stream = options.stream;
    slot->total_deadline_ns = options.timeouts.total > 0 ? deadline_after(now, options.timeouts.total) : INT64_MAX;
    slot->sent_ns = now;
    if (!waiting_.empty() || !send_now(*slot, request, now)) {
      if (waiting_.size() >= options_.max_queue) {
        release_slot(*slot);
        return Error{Errc::kHttpQueueFull, 0, "too many requests wait for a connection"};
      }
      slot->phase = Phase::kWaiting;
      slot->phase_timeout = Errc::kHttpQueueTimeout;
      slot->phase_deadline_ns = options.timeouts.queue > 0 ? deadline_after(now, options.timeouts.queue) : INT64_MAX;
      slot->held_request.hold(request);
      waiting_.push_back(slot->index);
      counters_.waiting.store(static_cast<uint32_t>(waiting_.size()), std::memory_order_relaxed);
      must_open = !std::exchange(opening_posted_, true);
    }
    must_sweep = lower_sweep(std::min(slot->phase_deadline_ns, slot->total_deadline_ns));
  }
  counters_.requests.fetch_add(1, std::memory_order_relaxed);
  if (must_open) tell_loop<&Pool::open_as_needed>();
  if (must_sweep) tell_loop<&Pool::arm_sweep>();
  return id;
}

Pool::Slot* Pool::take_slot() {
  if (free_.empty()) {
    if (slots_.size() == kMaxRequests) return nullptr;
    free_.push_back(static_cast<uint16_t>(slots_.size()));
    slots_.push_back(std::make_unique<Slot>(free_.back()));
  }
  Slot& slot = *slots_[free_.back()];
  free_.pop_back();
  return &slot;
}

void Pool::release_slot(Slot& slot) {
  ++slot.generation;
  slot.phase = Phase::kFree;
  slot.member = nullptr;
  slot.phase_deadline_ns = slot.total_deadline_ns = INT64_MAX;
  slot.has_head = slot.gave_head = slot.complete = slot.held = slot.stopped = slot.undelivered = slot.reused = false;
  slot.fields.clear();
  slot.body.clear();
  if (slot.body.capacity() > kKeepBody) std::vector<uint8_t>().swap(slot.body);
  slot.error = {};
  free_.push_back(slot.index);
}

// The most recently used one first: those that are not needed grow old and are closed, and a server is more likely to
// still hold it open.
Pool::Member* Pool::pick() {
  if (many_at_once_ == 0) {
    while (!idle_.empty()) {
      Member* const member = idle_.back();
      if (!member->dead && member->active < member->connection->limit()) return member;
      member->listed = false;
      idle_.pop_back();
    }
    return nullptr;
  }
  Member* best = nullptr;
  for (const auto& member : members_) {
    if (member->dead || member->active >= member->connection->limit()) continue;
    if (best == nullptr || member->idle_since_ns > best->idle_since_ns) best = member.get();
  }
  return best;
}

// Under the mutex. One request less on it.
void Pool::vacate(Member& member, int64_t now_ns) {
  --member.active;
  member.idle_since_ns = now_ns;
  if (member.listed || member.active > 0 || member.connection->major() != 1) return;
  member.listed = true;
  idle_.push_back(&member);
}

// Under the mutex. False when no connection has room.
bool Pool::send_now(Slot& slot, const Request& request, int64_t now_ns) {
  const int64_t queue_deadline = slot.phase_deadline_ns;
  while (Member* const member = pick()) {
    slot.member = member;
    slot.phase = Phase::kInFlight;
    slot.sent_ns = now_ns;
    slot.phase_timeout = Errc::kHttpHeadTimeout;
    slot.phase_deadline_ns = slot.timeouts.head > 0 ? deadline_after(now_ns, slot.timeouts.head) : INT64_MAX;
    slot.reused = member->used;
    ++member->active;
    if (many_at_once_ == 0) {
      member->listed = false;
      idle_.pop_back();
    }
    if (member->connection->send(slot.id(), request).ok()) {
      if (member->used) counters_.reused.fetch_add(1, std::memory_order_relaxed);
      member->used = true;
      counters_.in_flight.fetch_add(1, std::memory_order_relaxed);
      counters_.sent_bytes.fetch_add(request.body.size(), std::memory_order_relaxed);
      return true;
    }
    --member->active;
    member->dead = true;
    slot.member = nullptr;
    slot.phase = Phase::kWaiting;
    slot.phase_timeout = Errc::kHttpQueueTimeout;
    slot.phase_deadline_ns = queue_deadline;
  }
  return false;
}

// ---- on the loop's thread

Pool::Slot* Pool::find(RequestId id) {
  if (found_ != nullptr && found_id_ == id) return found_;
  const std::lock_guard lock(mutex_);
  const uint32_t index = id & 0xFFFF;
  if (index >= slots_.size()) return nullptr;
  Slot* const slot = slots_[index].get();
  if (slot->phase == Phase::kFree || slot->id() != id) return nullptr;
  // Only the loop's thread ends what it has found, by offer().
  found_ = slot;
  found_id_ = id;
  return slot;
}

void Pool::dispatch() {
  bool must_sweep = false;
  {
    const std::lock_guard lock(mutex_);
    must_sweep = dispatch_locked();
  }
  if (must_sweep) arm_sweep();
}

// Under the mutex. True when the sweep has to be armed anew.
bool Pool::dispatch_locked() {
  if (waiting_.empty()) return false;
  bool must_sweep = false;
  while (!waiting_.empty()) {
    Slot& slot = *slots_[waiting_.front()];
    if (!send_now(slot, slot.held_request.view(options_.authority), mono_ns())) break;
    slot.held_request.forget();
    waiting_.pop_front();
    // The limit of its new phase may lie before the one of its wait.
    must_sweep |= lower_sweep(slot.phase_deadline_ns);
  }
  counters_.waiting.store(static_cast<uint32_t>(waiting_.size()), std::memory_order_relaxed);
  return must_sweep;
}

void Pool::on_head(RequestId id, const ResponseHead& head, const ReceiveTimes& times) {
  Slot* const slot = find(id);
  if (slot == nullptr) return;
  slot->status = head.status;
  slot->major = head.major;
  slot->minor = head.minor;
  slot->fields = head.fields;
  slot->times = times;
  slot->has_head = true;
  slot->phase_timeout = Errc::kHttpBodyTimeout;
  slot->phase_deadline_ns = slot->timeouts.body > 0 ? deadline_after(times.rx_ns, slot->timeouts.body) : INT64_MAX;
  bool must_sweep = false;
  {
    const std::lock_guard lock(mutex_);
    must_sweep = lower_sweep(slot->phase_deadline_ns);
  }
  if (must_sweep) arm_sweep();
  if (slot->stream) settle(*slot);
}

void Pool::on_body(RequestId id, std::span<const uint8_t> piece) {
  Slot* const slot = find(id);
  if (slot == nullptr || slot->phase != Phase::kInFlight) return;
  counters_.received_bytes.fetch_add(piece.size(), std::memory_order_relaxed);
  if (slot->timeouts.body > 0) slot->phase_deadline_ns = deadline_after(mono_ns(), slot->timeouts.body);
  if (!slot->stream) {
    if (piece.size() > options_.max_body - slot->body.size()) {
      fail(*slot, {Errc::kHttpBodyTooLarge, 0, "the response's body is larger than the limit"}, Sent::kMaybe);
      listener_.on_batch_end();  // its connection is gone, and with it the end of this read
      return;
    }
    slot->body.insert(slot->body.end(), piece.begin(), piece.end());
    return;
  }
  if (slot->gave_head && !slot->held && slot->body.empty() && undelivered_.empty()) {
    piece = piece.subspan(listener_.on_piece(id, piece));
    if (piece.empty()) return;
  }
  slot->body.insert(slot->body.end(), piece.begin(), piece.end());
  stop_reading(*slot, true);
  settle(*slot);
}

void Pool::on_done(RequestId id) {
  Slot* const slot = find(id);
  if (slot == nullptr) return;
  leave_member(*slot);
  slot->complete = true;
  counters_.responses.fetch_add(1, std::memory_order_relaxed);
  settle(*slot);
}

void Pool::on_failed(RequestId id, const Error& error, Sent sent) {
  Slot* const slot = find(id);
  if (slot == nullptr) return;
  leave_member(*slot);
  slot->error = error;
  slot->sent = sent;
  counters_.failures.fetch_add(1, std::memory_order_relaxed);
  settle(*slot);
}

void Pool::leave_member(Slot& slot) {
  const std::lock_guard lock(mutex_);
  if (Member* const member = std::exchange(slot.member, nullptr)) {
    vacate(*member, mono_ns());
    counters_.in_flight.fetch_sub(1, std::memory_order_relaxed);
  }
  slot.phase = Phase::kFinished;
  slot.phase_deadline_ns = slot.total_deadline_ns = INT64_MAX;
}

void Pool::on_room(Connection&) {
  bool must_sweep = false;
  {
    const std::lock_guard lock(mutex_);
    must_sweep = dispatch_locked();
    // Closing what is not needed any more is the sweep's business.
    must_sweep |= lower_sweep(deadline_after(loop_.now_ns(), options_.keep_alive));
  }
  if (must_sweep) arm_sweep();
  retire_when_closing();
}

void Pool::on_batch_end() { listener_.on_batch_end(); }

void Pool::cancel(RequestId id) {
  Slot* const slot = find(id);
  if (slot == nullptr || slot->phase == Phase::kFinished) return;
  fail(*slot, {Errc::kAborted, 0, {}}, slot->phase == Phase::kWaiting ? Sent::kNo : Sent::kMaybe);
  listener_.on_batch_end();
}

void Pool::hold(RequestId id, bool on) {
  Slot* const slot = find(id);
  if (slot == nullptr || !slot->stream || slot->held == on) return;
  slot->held = on;
  if (on) {
    stop_reading(*slot, true);
  } else {
    settle(*slot);
    listener_.on_batch_end();
  }
}

// Ends a request that waits or is in flight.
void Pool::fail(Slot& slot, const Error& error, Sent sent) {
  const Error copy = error;
  Member* member = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (slot.phase == Phase::kWaiting) {
      std::erase(waiting_, slot.index);
      counters_.waiting.store(static_cast<uint32_t>(waiting_.size()), std::memory_order_relaxed);
      slot.held_request.forget();
    }
    member = std::exchange(slot.member, nullptr);
    slot.phase = Phase::kFinished;
    slot.phase_deadline_ns = slot.total_deadline_ns = INT64_MAX;
  }
  if (member != nullptr) {
    counters_.in_flight.fetch_sub(1, std::memory_order_relaxed);
    // It still counts as active, or somebody could send on a connection that is about to be cut.
    member->connection->cancel(slot.id());
    const std::lock_guard lock(mutex_);
    const auto same = [member](const auto& m) { return m.get() == member; };
    if (std::any_of(members_.begin(), members_.end(), same)) vacate(*member, member->idle_since_ns);
  }
  slot.error = copy;
  slot.sent = sent;
  counters_.failures.fetch_add(1, std::memory_order_relaxed);
  settle(slot);
}

void Pool::stop_reading(Slot& slot, bool on) {
  if (slot.stopped == on || slot.member == nullptr) return;
  slot.stopped = on;
  slot.member->connection->hold(slot.id(), on);
}

// Hands over what can be, or remembers it for deliver(), which keeps to the order.
void Pool::settle(Slot& slot) {
  if (slot.undelivered || (undelivered_.empty() && offer(slot))) return;
  slot.undelivered = true;
  undelivered_.push_back(slot.id());
}

// True when nothing of it waits for the listener. The slot may be free afterwards.
bool Pool::offer(Slot& slot) {
  const RequestId id = slot.id();
  const auto end = [&] {
    const std::lock_guard lock(mutex_);
    if (found_ == &slot) found_ = nullptr;
    release_slot(slot);
  };
  if (slot.error) {
    if (!listener_.on_failed(id, slot.error, slot.sent)) return false;
    end();
    return true;
  }
  if (!slot.has_head || (!slot.stream && !slot.complete)) return true;
  if (!slot.gave_head) {
    Response response;
    response.id = id;
    response.head = {slot.status, slot.major, slot.minor, slot.fields};
    response.streamed = slot.stream;
    if (!slot.stream) response.body = slot.body;
    response.reused = slot.reused;
    response.times = slot.times;
    response.sent_ns = slot.sent_ns;
    if (!listener_.on_response(response)) return false;
    slot.gave_head = true;
    if (!slot.stream) {
      end();
      return true;
    }
  }
  if (slot.held) return true;
  if (!slot.body.empty()) {
    const size_t taken = listener_.on_piece(id, slot.body);
    slot.body.erase(slot.body.begin(), slot.body.begin() + static_cast<ptrdiff_t>(taken));
    if (!slot.body.empty()) return false;
  }
  stop_reading(slot, false);
  if (slot.complete) {
    if (!listener_.on_end(id)) return false;
    end();
  }
  return true;
}

void Pool::deliver() {
  for (size_t n = undelivered_.size(); n > 0; --n) {
    Slot* const slot = find(undelivered_.front());
    if (slot != nullptr && !offer(*slot)) break;
    undelivered_.pop_front();
    // What came meanwhile is part of what was handed over just now.
    if (slot != nullptr) slot->undelivered = false;
  }
  listener_.on_batch_end();
}

bool Pool::idle() const {
  const std::lock_guard lock(mutex_);
  return free_.size() == slots_.size();
}

}  // namespace tickwire::http
