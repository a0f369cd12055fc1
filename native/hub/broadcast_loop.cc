// Connections: how they come and go. passes.cc has the passes.
#include "hub/broadcast_loop.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "hub/notices.h"
#include "hub/socket_queue.h"

namespace tickwire::hub {
namespace {

// So much may lie in the kernel beyond what is on the wire. Enough for a socket to be kept busy between two edges;
// what is more waits where it can still be skipped or conflated.
constexpr size_t kMaxUnsent = 256 * 1024;
constexpr size_t kMinUnsent = 16 * 1024;

}  // namespace

void Subscriber::on_ready(uint32_t ready) {
  Connection& c = *more;
  BroadcastLoop& loop = c.loop;
  if (!open()) return;
  if ((ready & (kHangup | kError)) != 0) c.end_seen = true;
  if ((ready & (kWritable | kHangup | kError)) != 0) loop.delivery().on_writable(*this);
  // TLS may have waited for either edge to read.
  if (open() && (tls || (ready & (kReadable | kHangup | kError)) != 0)) loop.inbound().read(*this);
}

void Connection::on_resume() {
  if (subscriber.behind && !subscriber.blocked) loop.delivery().serve(subscriber);
  if (subscriber.open()) loop.inbound().read(subscriber);
}

BroadcastLoop::BroadcastLoop(uint32_t index, Loop& loop, Publication& publication, HubListener& listener,
                             LoopOwner& owner, uint64_t epoch)
    : index_(index),
      loop_(loop),
      publication_(publication),
      listener_(listener),
      owner_(owner),
      epoch_(epoch),
      pace_(publication.options().flush.max_delay_ns),
      delivery_(*this),
      slow_watch_(*this),
      joining_(*this),
      farewell_(*this),
      inbound_(*this),
      liveness_(*this) {
  for (uint32_t i = 0; i < kLanes; ++i) {
    groups_[i] = std::make_unique<LaneGroup>(static_cast<Lane>(i), publication.log(), output_, gather_, counters_,
                                             static_cast<GroupOwner&>(*this));
  }
}

BroadcastLoop::~BroadcastLoop() = default;

void BroadcastLoop::turn_away(const SubscriberInfo& info, const Error& why) {
  counters_.disconnected.add();
  listener_.on_connected(info);
  listener_.on_disconnected({info.id, &why, false, 0, 0, 0});
}

void BroadcastLoop::add(std::unique_ptr<Stream> stream, SubscriberInfo info) {
  counters_.connected.add();
  if (closing_ || released_) return turn_away(info, Error{Errc::kHubClosing, kGoingAway, "the hub closes"});
  auto owned = std::make_unique<Subscriber>(*this, info.lane);
  Subscriber& s = *owned;
  s.more->stream = std::move(stream);
  prepare(s, info);
  if (Result<void> watched = loop_.watch(s.fd, s); !watched.ok()) return turn_away(info, watched.error());
  {
    bool starts_compressor = false;
    Result<uint64_t> first = Error{};
    {
      const auto lock = publication_.lock();
      first = publication_.join(index_, info.lane, starts_compressor);
      if (first.ok() && s.more->slow_policy == SlowPolicy::kConflate) publication_.enable_conflation();
    }
    if (!first.ok()) {
      loop_.unwatch(s.fd, s);
      return turn_away(info, first.error());
    }
    group_of(s).enter(publication_.ring(info.lane), first.value());
    s.cursor = std::max(first.value(), group_of(s).marked());
    if (starts_compressor) owner_.compressed_lane_opened();
  }
  s.more->place = static_cast<uint32_t>(connections_.size());
  connections_.push_back(owned.release());
  by_id_.emplace(info.id, &s);
  counters_.subscribers.add();
  counters_.subscribers_of[static_cast<size_t>(info.lane)].add();
  liveness_.wake();

  set_behind(s);
  if (!s.out.append(info.unsent)) {
    listener_.on_connected(info);
    return finish(s, Error{Errc::kNoMemory, 0, "no memory for a connection"}, false);
  }
  begin(s, info);
  if (s.open() && !info.received.empty()) inbound_.received(s, info.received);
  if (s.open() && !s.blocked) delivery_.serve(s);
  // What the handshake has read ahead is announced by no edge.
  if (s.open() && s.more->stream->has_buffered_input()) loop_.resume_later(*s.more);
  if (pass_state_ == PassState::kIdle) become_idle();
}

void BroadcastLoop::prepare(Subscriber& s, const SubscriberInfo& info) {
  Connection& c = *s.more;
  c.id = info.id;
  c.access = info.access;
  c.deflate = info.deflate;
  c.slow_policy = info.slow.value_or(options().slow.then);
  c.heard_ns = c.refilled_ns = c.resend_refilled_ns = loop_.now_ns();
  c.messages_left.left = options().inbound.messages_per_second;
  c.bytes_left.left = static_cast<double>(std::max(options().inbound.bytes_per_second, options().inbound.max_message));
  c.resends_left.left = 64;
  s.fd = c.stream->fd();
  s.tls = !c.stream->full_duplex_threads();
  s.private_deflate = info.deflate && !info.deflate->server_no_context_takeover && speaks_websocket(info.lane) &&
                      info.lane != Lane::kWsDeflate;
  platform::limit_unsent(s.fd, std::clamp(options().slow.pending_bytes / 4, kMinUnsent, kMaxUnsent));
}

// Subscribed first and told of then: who hears of a subscriber may publish at once, and it is to get that.
void BroadcastLoop::begin(Subscriber& s, const SubscriberInfo& info) {
  std::shared_ptr<KeyFilter> filter;
  if (!info.keys.empty()) filter = std::make_shared<KeyFilter>(info.keys, publication_);
  std::vector<std::string_view> topics(info.topics.begin(), info.topics.end());
  if (info.all_topics) topics.assign(1, "*");
  if (speaks_wire(info.lane)) inbound_.welcome(s);
  size_t subscribed = 0;
  Result<void> last;
  for (; subscribed < topics.size() && last.ok(); subscribed += last.ok() ? 1 : 0) {
    last = joining_.subscribe(s, topics[subscribed], filter, true, 0);
  }
  listener_.on_connected(info);
  for (const std::string_view topic : std::span(topics).first(subscribed))
    listener_.on_subscription(info.id, topic, true);
  if (last.ok()) return;
  counters_.refused_requests.add();
  farewell_.leave(s, kPolicyViolation, last.error().text, last.error(), options().liveness.close_timeout_ns);
}

void BroadcastLoop::finish(Subscriber& s, const Error& why, bool clean) {
  if (!s.open()) return;
  Connection& c = *s.more;
  const Error reason = why;  // may lie in the connection
  s.phase = Phase::kClosed;
  loop_.unwatch(s.fd, s);
  loop_.cancel_resume(c);
  delivery_.ended(s);
  joining_.unsubscribe_all(s);
  c.bursts.clear();
  LaneGroup& group = group_of(s);
  group.unchain(s);
  group.leave();
  if (s.behind) {
    behind_[c.behind_place] = behind_.back();
    behind_[c.behind_place]->more->behind_place = c.behind_place;
    behind_.pop_back();
  }
  connections_[c.place] = connections_.back();
  connections_[c.place]->more->place = c.place;
  connections_.pop_back();
  by_id_.erase(c.id);
  {
    const auto lock = publication_.lock();
    publication_.leave(s.lane);
    const bool compresses = index_ == 0 && publication_.compressing();
    if (!reads_anything() && !compresses)
      publication_.gate(index_).floor.store(LoopGate::kReadsNothing, std::memory_order_release);
  }
  c.stream.reset();
  counters_.subscribers.sub();
  counters_.subscribers_of[static_cast<size_t>(s.lane)].sub();
  counters_.disconnected.add();
  listener_.on_disconnected({c.id, &reason, clean, s.messages, s.bytes, c.missed_total});
  loop_.defer_delete(std::unique_ptr<Subscriber>(&s));
  tell_if_empty();
}

bool BroadcastLoop::reads_anything() const noexcept { return !connections_.empty() || compressing_; }

void BroadcastLoop::tell_if_empty() {
  if (closing_ && connections_.empty() && !std::exchange(told_empty_, true)) owner_.loop_is_empty(index_);
}

// ---- in step and behind ----

void BroadcastLoop::set_behind(Subscriber& s) {
  if (s.behind) return;
  LaneGroup& group = group_of(s);
  Connection& c = *s.more;
  if (s.interest == Interest::kListed) {
    // Where it stands: in front of what the present pass has for it, else behind everything so far.
    const LaneGroup::Unchained chain = group.unchain(s);
    c.lag = chain.bytes;
    c.nothing_waits = c.lag == 0;
    s.cursor = c.nothing_waits ? std::max(s.cursor, group.marked()) : chain.cursor;
  }
  s.behind = true;
  c.behind_place = static_cast<uint32_t>(behind_.size());
  behind_.push_back(&s);
}

void BroadcastLoop::set_in_step(Subscriber& s) noexcept {
  if (!s.behind) return;
  Connection& c = *s.more;
  s.behind = false;
  c.lag = c.lag_to = 0;
  behind_[c.behind_place] = behind_.back();
  behind_[c.behind_place]->more->behind_place = c.behind_place;
  behind_.pop_back();
}

void BroadcastLoop::fall_behind(Subscriber& s, Sent why, uint64_t lag) {
  const uint64_t cursor = s.cursor;
  set_behind(s);
  s.cursor = cursor;
  s.more->lag = lag;
  s.more->nothing_waits = s.interest == Interest::kListed && lag == 0;
  static_cast<void>(delivery_.went(s, why));
}

void BroadcastLoop::set_interest(Subscriber& s, Interest interest) {
  if (s.interest == interest) return;
  LaneGroup& group = group_of(s);
  if (s.interest == Interest::kWhole) group.remove_whole(s);
  if (s.interest == Interest::kScanned) group.remove_scanned(s);
  s.interest = interest;
  if (interest == Interest::kWhole) group.add_whole(s);
  if (interest == Interest::kScanned) group.add_scanned(s);
}

// ---- from the hub ----

void BroadcastLoop::disconnect(SubscriberId id, uint16_t code, std::string_view reason) {
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) return;
  farewell_.leave(*it->second, code, reason, Error{Errc::kAborted, code, std::string(reason)},
                  options().liveness.close_timeout_ns);
}

void BroadcastLoop::send(SubscriberId id, PayloadKind kind, std::span<const uint8_t> payload) {
  const auto it = by_id_.find(id);
  if (it == by_id_.end() || it->second->phase == Phase::kGoodbye) return;
  Subscriber& s = *it->second;
  Content content;
  content.kind = kind;
  content.payload = payload;
  if (!append_content(s, content)) return finish(s, Error{Errc::kNoMemory, 0, "no memory for a message"}, false);
  set_behind(s);
  if (!s.blocked) return delivery_.serve(s);
  if (s.out.size() <= options().slow.pending_bytes) return;
  counters_.slow_disconnects.add();
  farewell_.leave(s, kTryAgainLater, "too slow", Error{Errc::kHubTooSlow, kTryAgainLater, "too slow"},
                  options().slow.close_timeout_ns);
}

void BroadcastLoop::begin_close(int64_t grace_ns) {
  if (closing_) return;
  closing_ = true;
  close_deadline_ns_ = deadline_after(loop_.now_ns(), grace_ns);
  for (Subscriber* const s : connections_) s->more->deadline_ns = std::min(s->more->deadline_ns, close_deadline_ns_);
  liveness_.hurry();
  if (pass_state_ == PassState::kIdle) drain_if_done();
  tell_if_empty();
}

// Nothing is published any more: once all of it was marked, everybody gets the rest and goodbye.
void BroadcastLoop::drain_if_done() {
  const uint64_t head = publication_.log().head();
  for (const auto& group : groups_) {
    if (group->size() != 0 && group->marked() < head) return;
  }
  if (std::exchange(drained_, true)) return;
  const std::vector<Subscriber*> all = connections_;
  for (Subscriber* const s : all) {
    if (s->open()) farewell_.drain(*s, close_deadline_ns_);
  }
}

void BroadcastLoop::release() {
  if (std::exchange(released_, true)) return;
  const Error why{Errc::kAborted, 0, "the hub was released"};
  while (!connections_.empty()) finish(*connections_.back(), why, false);
  loop_.cancel_resume(*this);
  loop_.timers().disarm(pass_timer_);
  liveness_.stop();
  publication_.gate(index_).awake();
  if (compressing_) {
    const auto lock = publication_.lock();
    compressing_ = !publication_.close_compressed_lane();
  }
  publication_.gate(index_).floor.store(LoopGate::kReadsNothing, std::memory_order_release);
}

}  // namespace tickwire::hub
