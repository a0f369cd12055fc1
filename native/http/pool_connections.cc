// A pool's connections: opened for need or kept warm, closed when idle too long, and the clock of all time limits.
#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "http/pool.h"
#include "http/pool_parts.h"

namespace tickwire::http {

void Pool::warm_up() { open_as_needed(); }

// Opens what the queue needs, at least `warm` in all. Which protocol the origin speaks is only known once one
// connection stands, so until then one is opened, not one for each request: HTTP/2 carries them all.
void Pool::open_as_needed() {
  size_t to_open = 0;
  {
    const std::lock_guard lock(mutex_);
    opening_posted_ = false;
    size_t live = 0;
    size_t room = 0;
    for (const auto& member : members_) {
      const uint32_t limit = member->dead ? 0 : member->connection->limit();
      if (limit == 0) continue;
      ++live;
      room += limit - std::min(limit, member->active);
    }
    size_t wanted = waiting_.size() > room ? waiting_.size() - room : 0;
    if (!knows_protocol_ || speaks_h2_) wanted = std::min<size_t>(wanted, 1);
    if (!closing_ && options_.warm > live) wanted = std::max<size_t>(wanted, options_.warm - live);
    const size_t have = attempts_.size();
    const size_t most = options_.max_connections > live + have ? options_.max_connections - live - have : 0;
    to_open = std::min(wanted > have ? wanted - have : 0, most);
  }
  for (; to_open > 0; --to_open) {
    attempts_.push_back(std::make_unique<Attempt>(*this));
    attempts_.back()->start();
  }
  dispatch();
}

void Pool::attempt_opened(Attempt& attempt, std::unique_ptr<Stream> stream, const StreamInfo& info) {
  const StreamInfo copy = info;
  std::erase_if(attempts_, [&](const auto& a) { return a.get() == &attempt; });
  retry_delay_ = 0;
  const bool h2 = copy.alpn == "h2";
  learn_protocol(h2);
  counters_.connects.fetch_add(1, std::memory_order_relaxed);
  auto member = std::make_unique<Member>();
  member->info = copy;
  member->idle_since_ns = mono_ns();
  member->connection = h2 ? make_h2_connection(loop_, std::move(stream), options_.connection, options_.max_streams,
                                               options_.target.tls != nullptr, scratch_, *this)
                          : make_h1_connection(loop_, std::move(stream), options_.connection, scratch_, *this);
  Connection& connection = *member->connection;
  {
    const std::lock_guard lock(mutex_);
    // Nobody waits: whoever comes finds it warm.
    member->used = waiting_.empty();
    if (h2) {
      ++many_at_once_;
    } else {
      member->listed = true;
      idle_.push_back(member.get());
    }
    members_.push_back(std::move(member));
    counters_.open.store(static_cast<uint32_t>(members_.size()), std::memory_order_relaxed);
  }
  listener_.on_connection(true, copy, connection.major(), {});
  connection.start();
  dispatch();
  // An origin that turned out to speak HTTP/1 needs more of them.
  open_as_needed();
  retire_when_closing();
  bool idles = false;
  {
    const std::lock_guard lock(mutex_);
    idles = lower_sweep(deadline_after(loop_.now_ns(), options_.keep_alive));
  }
  if (idles) arm_sweep();
  listener_.on_batch_end();
}

void Pool::attempt_failed(Attempt& attempt, const Error& error) {
  const Error copy = error;
  std::erase_if(attempts_, [&](const auto& a) { return a.get() == &attempt; });
  counters_.connect_failures.fetch_add(1, std::memory_order_relaxed);
  listener_.on_connection(false, {}, 0, copy);
  bool alone = false;
  {
    const std::lock_guard lock(mutex_);
    const auto live = [](const auto& m) { return !m->dead && m->connection->limit() > 0; };
    alone = std::none_of(members_.begin(), members_.end(), live);
  }
  // While another attempt or connection may still serve them, they wait.
  if (alone && attempts_.empty()) fail_waiting(copy);
  if (!closing_ && options_.warm > 0) start_retry();
  listener_.on_batch_end();
}

void Pool::start_retry() {
  if (retry_timer_.armed()) return;
  retry_delay_ = retry_delay_ == 0 ? options_.retry_first : std::min(retry_delay_ * 2, options_.retry_max);
  loop_.arm_in(retry_timer_, retry_delay_);
}

void Pool::on_retry(int64_t) { open_as_needed(); }

void Pool::fail_waiting(const Error& error) {
  for (;;) {
    Slot* slot = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) return;
      slot = slots_[waiting_.front()].get();
    }
    fail(*slot, error, Sent::kNo);
  }
}

void Pool::on_closed(Connection& connection, const Error& error) {
  const Error copy = error;
  std::unique_ptr<Member> gone;
  {
    const std::lock_guard lock(mutex_);
    const auto at = std::find_if(members_.begin(), members_.end(),
                                 [&](const auto& m) { return m->connection.get() == &connection; });
    if (at == members_.end()) return;
    gone = std::move(*at);
    members_.erase(at);
    if (gone->connection->major() != 1) --many_at_once_;
    if (gone->listed) std::erase(idle_, gone.get());
    counters_.open.store(static_cast<uint32_t>(members_.size()), std::memory_order_relaxed);
  }
  listener_.on_connection(false, gone->info, connection.major(), copy);
  loop_.defer_delete(std::move(gone->connection));
  if (!closing_ && options_.warm > 0) {
    // A server that accepts and closes at once would otherwise be asked without pause.
    start_retry();
  }
  open_as_needed();
  listener_.on_batch_end();
}

// ---- time

// Under the mutex. True when the sweep has to be armed anew.
bool Pool::lower_sweep(int64_t deadline_ns) {
  if (deadline_ns >= next_sweep_ns_) return false;
  next_sweep_ns_ = deadline_ns;
  return true;
}

void Pool::arm_sweep() {
  int64_t at = 0;
  {
    const std::lock_guard lock(mutex_);
    at = next_sweep_ns_;
  }
  if (at == INT64_MAX) return;
  loop_.arm_in(sweep_timer_, at - loop_.refresh_now());
}

// One timer for all limits. A request that is answered in time leaves it armed: the next one, whose limit lies later,
// then need not wake the loop for it.
void Pool::on_sweep(int64_t now_ns) {
  {
    const std::lock_guard lock(mutex_);
    next_sweep_ns_ = INT64_MAX;
  }
  const int64_t next = std::min(sweep_requests(now_ns), sweep_members(now_ns));
  {
    const std::lock_guard lock(mutex_);
    (void)lower_sweep(next);
  }
  arm_sweep();
  listener_.on_batch_end();
}

int64_t Pool::sweep_requests(int64_t now_ns) {
  int64_t next = INT64_MAX;
  std::vector<std::pair<RequestId, Errc>> late;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& slot : slots_) {
      const int64_t deadline = std::min(slot->phase_deadline_ns, slot->total_deadline_ns);
      if (deadline <= now_ns) {
        late.emplace_back(
            slot->id(), slot->total_deadline_ns <= slot->phase_deadline_ns ? Errc::kHttpTimeout : slot->phase_timeout);
      } else {
        next = std::min(next, deadline);
      }
    }
  }
  for (const auto& [id, code] : late) {
    Slot* const slot = find(id);
    if (slot == nullptr || slot->phase == Phase::kFinished) continue;
    fail(*slot, {code, 0, {}}, slot->phase == Phase::kWaiting ? Sent::kNo : Sent::kMaybe);
  }
  return next;
}

int64_t Pool::sweep_members(int64_t now_ns) {
  int64_t next = INT64_MAX;
  std::vector<Connection*> old;
  {
    const std::lock_guard lock(mutex_);
    size_t live = members_.size();
    for (const auto& member : members_) {
      if (member->active > 0 || live <= options_.warm) continue;
      const int64_t deadline = deadline_after(member->idle_since_ns, options_.keep_alive);
      if (deadline > now_ns) {
        next = std::min(next, deadline);
        continue;
      }
      member->dead = true;  // nobody may pick it any more
      --live;
      old.push_back(member->connection.get());
    }
  }
  for (Connection* const connection : old) connection->retire();
  return next;
}

// ---- the end

void Pool::close() {
  if (std::exchange(closing_, true)) return;
  loop_.timers().disarm(retry_timer_);
  {
    const std::lock_guard lock(mutex_);
    accepting_ = false;
  }
  dispatch();
  retire_when_closing();
}

void Pool::retire_when_closing() {
  if (!closing_) return;
  std::vector<Connection*> all;
  {
    const std::lock_guard lock(mutex_);
    if (!waiting_.empty()) return;
    for (const auto& member : members_) all.push_back(member->connection.get());
  }
  attempts_.clear();
  for (Connection* const connection : all) {
    const auto same = [connection](const auto& m) { return m->connection.get() == connection; };
    if (std::any_of(members_.begin(), members_.end(), same)) connection->retire();
  }
}

void Pool::abort(const Error& why) {
  const Error copy = why;
  closing_ = true;
  loop_.timers().disarm(retry_timer_);
  {
    const std::lock_guard lock(mutex_);
    accepting_ = false;
  }
  attempts_.clear();
  fail_waiting(copy);
  while (!members_.empty()) members_.back()->connection->abort(copy);
  listener_.on_batch_end();
}

}  // namespace tickwire::http
