#include "hub/wire_requests.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "hub/broadcast_loop.h"
#include "hub/notices.h"
#include "wire/frame_writer.h"

namespace tickwire::hub {
namespace {

// Ranges: how many may come at once, and how many in the long run. Each makes us look for it.
constexpr double kMaxResendRanges = 64;
constexpr double kResendsPerSecond = 16;
constexpr uint32_t kEntriesPerLock = 4096;
// What one request makes us copy; the rest is refused as too many, to be asked for again.
constexpr size_t kMaxResendBytes = 256 * 1024;
constexpr int64_t kNsPerMs = 1'000'000;

wire::ErrorCode code_of(Errc code) noexcept {
  switch (code) {
    case Errc::kHubForbidden:
      return wire::ErrorCode::kForbidden;
    case Errc::kHubSubscriptionLimit:
    case Errc::kHubTopicLimit:
      return wire::ErrorCode::kTooMany;
    case Errc::kHubName:
    case Errc::kHubRequest:
      return wire::ErrorCode::kMalformed;
    default:
      return wire::ErrorCode::kInternal;
  }
}

template <class T>
bool get(const wire::Frame& frame, T& message) {
  return wire::get(frame.payload, message);
}

}  // namespace

void WireRequests::welcome(Subscriber& s) {
  const HubOptions& options = loop_.options();
  wire::Welcome welcome;
  welcome.epoch = loop_.epoch();
  welcome.heartbeat_ms = static_cast<uint32_t>(std::min<int64_t>(options.liveness.heartbeat_ns / kNsPerMs, UINT32_MAX));
  // A raw message is its content and a few bytes.
  welcome.max_payload = static_cast<uint32_t>(std::min<size_t>(options.max_message + 64, wire::kMaxPayload));
  welcome.max_inbound = static_cast<uint32_t>(std::min<size_t>(options.inbound.max_message, wire::kMaxPayload));
  welcome.max_subscriptions = options.inbound.max_subscriptions;
  welcome.name = std::string_view(options.name).substr(0, wire::kMaxName);
  static_cast<void>(append_control(s, wire::Type::kWelcome, 64 + wire::kMaxName,
                                   [&](wire::TlvWriter& out) { wire::put(out, welcome); }));
}

void WireRequests::handle(Subscriber& s, const wire::Frame& frame) {
  bool known = true;
  bool read = true;
  if (frame.header.is(wire::Type::kSubscribe)) {
    wire::Subscribe request;
    if (read = get(frame, request); read) subscribe(s, request);
  } else if (frame.header.is(wire::Type::kUnsubscribe)) {
    wire::Unsubscribe request;
    if (read = get(frame, request); read) unsubscribe(s, request);
  } else if (frame.header.is(wire::Type::kResend)) {
    wire::Resend request;
    if (read = get(frame, request); read) resend(s, request);
  } else if (frame.header.is(wire::Type::kPing)) {
    wire::Ping request;
    if (read = get(frame, request); read) {
      loop_.tally().requests.add();
      static_cast<void>(append_control(s, wire::Type::kPong, 16,
                                       [&](wire::TlvWriter& out) { wire::put(out, wire::Pong{request.token}); }));
    }
  } else if (frame.header.is(wire::Type::kBye)) {
    wire::Bye bye;
    static_cast<void>(get(frame, bye));
    return loop_.farewell().answer(s, kNormalClosure, Error{Errc::kWsClosed, kNormalClosure, std::string(bye.text)});
  } else if (!frame.header.is(wire::Type::kPong) && !frame.header.is(wire::Type::kHello)) {
    known = false;
  }
  if (!s.open()) return;
  if (!read) refuse(s, 0, wire::ErrorCode::kMalformed, "malformed");
  if (!known) {
    // Types beyond the protocol are the users' own.
    if (frame.header.type >= wire::kFirstUserType && loop_.options().forward_messages) {
      loop_.listener().on_message(s.more->id, ws::Opcode::kBinary, frame.payload);
    } else {
      refuse(s, 0, wire::ErrorCode::kUnexpected, "hubs do not take this");
    }
  }
  if (s.open() && !s.blocked) loop_.delivery().serve(s);
}

void WireRequests::subscribe(Subscriber& s, const wire::Subscribe& request) {
  if (request.keys.size() > loop_.options().inbound.max_filter_keys) {
    return refuse(s, request.request, wire::ErrorCode::kTooMany, "too many keys");
  }
  std::shared_ptr<KeyFilter> filter;
  if (!request.keys.empty()) {
    std::vector<std::string> keys;
    for (const std::string_view key : request.keys) keys.emplace_back(key);
    filter = std::make_shared<KeyFilter>(std::move(keys), loop_.publication());
  }
  const bool prior = (request.options & wire::Subscribe::kNoSnapshot) == 0;
  for (const std::string_view topic : request.topics) {
    const Result<void> subscribed = loop_.joining().subscribe(s, topic, filter, prior, request.request);
    if (!s.open()) return;
    if (!subscribed.ok()) {
      refuse(s, request.request, code_of(subscribed.error().code), subscribed.error().text);
      continue;
    }
    loop_.tally().requests.add();
    loop_.listener().on_subscription(s.more->id, topic, true);
  }
}

void WireRequests::unsubscribe(Subscriber& s, const wire::Unsubscribe& request) {
  for (const std::string_view topic : request.topics) {
    if (!loop_.joining().unsubscribe(s, topic)) {
      refuse(s, request.request, wire::ErrorCode::kUnknownTopic, "not subscribed");
      continue;
    }
    loop_.tally().requests.add();
    loop_.listener().on_subscription(s.more->id, topic, false);
  }
}

void WireRequests::resend(Subscriber& s, const wire::Resend& request) {
  loop_.tally().requests.add();
  const int64_t now = loop_.loop().now_ns();
  double elapsed = static_cast<double>(now - s.more->resend_refilled_ns) * 1e-9;
  s.more->resend_refilled_ns = now;
  size_t bytes = 0;
  for (const wire::Range& range : request.ranges) {
    if (!s.more->resends_left.take(1, kResendsPerSecond, kMaxResendRanges, std::exchange(elapsed, 0)) ||
        bytes > kMaxResendBytes) {
      refuse_resend(s, request.request, range, wire::RefusedWhy::kTooMany, 0);
      continue;
    }
    resend_range(s, request.request, range, bytes);
    if (!s.open()) return;
  }
}

// The first entry of the topic, from the newest on backwards, that is not younger than the sequence number, or the
// oldest that is there. Lets publishers in between, so that they never wait for a long walk.
uint64_t WireRequests::find(Subscriber& s, TopicId topic, uint64_t sequence) {
  Publication& publication = loop_.publication();
  const EntryLog& log = publication.log();
  uint64_t at = UINT64_MAX;
  uint64_t found = UINT64_MAX;
  for (;;) {
    const auto lock = publication.lock();
    const uint64_t oldest = publication.oldest(s.lane);
    if (at == UINT64_MAX) at = log.head();
    for (uint32_t n = 0; n < kEntriesPerLock; ++n) {
      if (at <= oldest) return found;
      const Entry& entry = log[--at];
      if (entry.topic != topic || !entry.is_message()) continue;
      found = at;
      if (entry.sequence <= sequence) return found;
    }
  }
}

// From whatever the ring still holds, under the mutex, since it may lie where publishers are allowed to write.
void WireRequests::resend_range(Subscriber& s, uint32_t request, const wire::Range& range, size_t& bytes) {
  Publication& publication = loop_.publication();
  const EntryLog& log = publication.log();
  const BroadcastRing& ring = loop_.group_of(s).ring();
  uint64_t last = 0;
  {
    const auto lock = publication.lock();
    bool subscribed = s.interest != Interest::kListed;
    for (const Subscription& each : s.more->subscriptions) subscribed = subscribed || each.topic == range.source;
    if (publication.is_topic(range.source) && subscribed) last = publication.topic(range.source).sequence;
  }
  if (last == 0) return refuse_resend(s, request, range, wire::RefusedWhy::kUnknownSource, 0);
  if (range.from > last) return refuse_resend(s, request, range, wire::RefusedWhy::kNotYet, 0);
  const uint64_t to = std::min(range.to, last);
  if (range.to > last) refuse_resend(s, request, {range.source, last + 1, range.to}, wire::RefusedWhy::kNotYet, 0);

  uint64_t next = range.from;
  uint64_t at = find(s, range.source, range.from);
  while (next <= to && at != UINT64_MAX && bytes <= kMaxResendBytes) {
    const auto lock = publication.lock();
    // What was there a moment ago may have been overwritten by now.
    if (at < publication.oldest(s.lane)) at = publication.oldest(s.lane);
    for (uint32_t n = 0; n < kEntriesPerLock && next <= to && bytes <= kMaxResendBytes; ++n, ++at) {
      if (at >= log.head()) {
        at = UINT64_MAX;
        break;
      }
      const Entry& entry = log[at];
      if (entry.topic != range.source || !entry.is_message() || entry.sequence < next) continue;
      if (entry.sequence > next) {
        const uint64_t gone_to = std::min(entry.sequence - 1, to);
        refuse_resend(s, request, {range.source, next, gone_to}, wire::RefusedWhy::kGone, entry.sequence);
        next = gone_to + 1;
        if (next > to) break;
      }
      const std::span<const uint8_t> frame = ring.frame(at);
      uint8_t* const room = frame.empty() ? nullptr : s.out.grow(frame.size());
      if (room == nullptr) {
        at = UINT64_MAX;
        break;
      }
      std::copy(frame.begin(), frame.end(), room);
      add_wire_flags(s.lane, room, wire::kFlagResent);
      s.out.grown(frame.size());
      bytes += frame.size();
      ++next;
    }
  }
  if (next <= to) {
    const wire::RefusedWhy why = bytes > kMaxResendBytes ? wire::RefusedWhy::kTooMany : wire::RefusedWhy::kGone;
    refuse_resend(s, request, {range.source, next, to}, why, 0);
  }
}

void WireRequests::refuse_resend(Subscriber& s, uint32_t request, const wire::Range& range, wire::RefusedWhy why,
                                 uint64_t oldest) {
  loop_.tally().refused_requests.add();
  wire::ResendRefused refused;
  refused.request = request;
  refused.why = why;
  refused.oldest = oldest;
  refused.range = range;
  static_cast<void>(
      append_control(s, wire::Type::kResendRefused, 64, [&](wire::TlvWriter& out) { wire::put(out, refused); }));
}

void WireRequests::refuse(Subscriber& s, uint32_t request, wire::ErrorCode code, std::string_view text) {
  loop_.tally().refused_requests.add();
  wire::ErrorMessage error;
  error.code = code;
  error.request = request;
  error.text = text.substr(0, wire::kMaxReason);
  static_cast<void>(append_control(s, wire::Type::kError, 64 + wire::kMaxReason,
                                   [&](wire::TlvWriter& out) { wire::put(out, error); }));
}

}  // namespace tickwire::hub
