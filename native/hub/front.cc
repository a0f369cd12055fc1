#include "hub/front.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/entropy.h"
#include "hub/newcomer.h"
#include "net/tcp_stream.h"
#include "ws/http_syntax.h"

namespace tickwire::hub {
namespace {

constexpr Rate kReports{.per_second = 20, .burst = 50};

std::string text_of(const SocketAddress& address) {
  const std::string host = address.host();
  return (address.family() == AF_INET6 ? '[' + host + ']' : host) + ':' + std::to_string(address.port());
}

bool same_text(std::string_view a, std::string_view b) noexcept { return ws::same_token(a, b); }

// "https://*.example.com" allows https://a.example.com and https://a.b.example.com, not https://example.com.
bool matches_origin(std::string_view pattern, std::string_view origin) noexcept {
  const size_t star = pattern.find("*.");
  if (star == std::string_view::npos) return same_text(pattern, origin);
  const std::string_view scheme = pattern.substr(0, star);
  const std::string_view tail = pattern.substr(star + 1);  // with the dot
  return origin.size() > scheme.size() + tail.size() && same_text(origin.substr(0, scheme.size()), scheme) &&
         same_text(origin.substr(origin.size() - tail.size()), tail);
}

}  // namespace

void Front::Door::on_accept_failed(const Error& error, int64_t) {
  front.publish_listen_counters();
  front.listener_.on_accept_failed(index, error);
}

Front::Front(Hub& hub, FrontOptions options, FrontListener& listener, uint64_t seed)
    : hub_(hub),
      loop_(hub.loop(0)),
      options_(std::move(options)),
      listener_(listener),
      admission_(Admission::create(options_.admission, seed)),
      load_(hub.loop_count()) {
  life_->front = this;
}

Result<std::unique_ptr<Front>> Front::open(Hub& hub, FrontOptions options, FrontListener& listener) {
  uint64_t seed = 0;
  if (auto filled = fill_random({reinterpret_cast<uint8_t*>(&seed), sizeof seed}); !filled.ok()) return filled.error();
  std::unique_ptr<Front> front(new Front(hub, std::move(options), listener, seed));
  for (size_t i = 0; i < front->options_.endpoints.size(); ++i) {
    const Endpoint& endpoint = front->options_.endpoints[i];
    auto door = std::make_unique<Door>(*front, i);
    auto opened = Listener::open(front->loop_, endpoint.listen, *door);
    if (!opened.ok()) {
      Error error = opened.error();
      error.text = text_of(endpoint.listen.address) + ": " + error.text;
      return error;
    }
    door->listener = std::move(opened.value());
    front->doors_.push_back(std::move(door));
  }
  return front;
}

Front::~Front() {
  close();
  life_->front = nullptr;
}

void Front::close() {
  for (const auto& door : doors_) {
    if (door->listener) door->listener->close();
  }
  newcomers_.clear();
  farewells_ = 0;
}

void Front::arrive(size_t endpoint_index, Fd socket, const SocketAddress& peer) {
  publish_listen_counters();
  accepted_.fetch_add(1, std::memory_order_relaxed);
  const Endpoint& endpoint = options_.endpoints[endpoint_index];
  Admission::Verdict verdict = admission_->admit(peer, loop_.now_ns());
  if (!verdict.ticket) {
    // Turning someone away in an orderly way costs a descriptor for a moment, over TLS a whole handshake as well.
    if (endpoint.tls || farewells_ >= options_.farewells) return refused(verdict.refusal, 0, peer, {});
    ++farewells_;
  }
  std::unique_ptr<Stream> stream;
  TlsStream* tls = nullptr;
  if (endpoint.tls) {
    auto made = TlsStream::accept(std::move(socket), endpoint.tls);
    if (!made.ok()) return refused(Refusal::kTls, 0, peer, made.error().text);
    tls = made.value().get();
    stream = std::move(made.value());
  } else {
    stream = std::make_unique<TcpStream>(std::move(socket));
  }
  // By what is on its way as well: the hub itself counts only who has arrived, and a thousand may come at once.
  uint32_t least = 0;
  for (uint32_t i = 1; i < load_.size(); ++i) {
    if (load_[i].load(std::memory_order_relaxed) < load_[least].load(std::memory_order_relaxed)) least = i;
  }
  load_[least].fetch_add(1, std::memory_order_relaxed);
  const SubscriberId id = hub_.new_id(least);
  auto newcomer = std::make_unique<Newcomer>(*this, endpoint, id, std::move(stream), tls, peer,
                                             std::move(verdict.ticket), verdict.refusal);
  Newcomer& started = *newcomer;
  newcomers_.emplace(id, std::move(newcomer));
  started.start();
}

bool Front::take_tls_step() noexcept {
  if (tls_turn_ != loop_.now_ns()) {
    tls_turn_ = loop_.now_ns();
    tls_left_ = std::max(1u, options_.tls_steps);
  }
  if (tls_left_ == 0) return false;
  --tls_left_;
  return true;
}

void Front::refused(Refusal why, int http, const SocketAddress& peer, std::string_view text) {
  refusals_[static_cast<size_t>(why)].fetch_add(1, std::memory_order_relaxed);
  if (!reports_.take(kReports, loop_.now_ns())) {
    ++suppressed_;
    return;
  }
  const std::string address = peer.host();
  listener_.on_refused({why, http, address, peer.port(), text, std::exchange(suppressed_, 0)});
}

void Front::remove(Newcomer& newcomer) noexcept {
  const auto found = newcomers_.find(newcomer.id());
  if (found == newcomers_.end()) return;
  if (!newcomer.has_ticket()) --farewells_;
  std::unique_ptr<Newcomer> gone = std::move(found->second);
  newcomers_.erase(found);
  gone->detach();
  loop_.defer_delete(std::move(gone));  // its own frames are on the stack
}

void Front::hand_over(std::unique_ptr<Stream> stream, SubscriberInfo info, Admission::Ticket ticket) {
  const uint32_t index = Hub::loop_of(info.id);
  ticket.handshaken();
  {
    const std::lock_guard lock(tickets_mutex_);
    tickets_.emplace(info.id, std::move(ticket));
  }
  admitted_.fetch_add(1, std::memory_order_relaxed);
  if (index == 0) return hub_.add(std::move(stream), std::move(info));
  struct Parcel {
    std::unique_ptr<Stream> stream;
    SubscriberInfo info;
  };
  const SubscriberId id = info.id;
  auto parcel = std::make_shared<Parcel>(Parcel{std::move(stream), std::move(info)});
  const bool posted =
      hub_.loop(index).post([hub = &hub_, parcel] { hub->add(std::move(parcel->stream), std::move(parcel->info)); });
  if (!posted) forget(id);  // the loop is closed, and with the parcel goes the connection
}

void Front::forget(SubscriberId id) {
  Admission::Ticket ticket;
  {
    const std::lock_guard lock(tickets_mutex_);
    const auto found = tickets_.find(id);
    if (found == tickets_.end()) return;
    ticket = std::move(found->second);
    tickets_.erase(found);
  }
  load_[Hub::loop_of(id)].fetch_sub(1, std::memory_order_relaxed);
}

void Front::answer(SubscriberId id, AuthorizeAnswer answer) {
  // A loop that is closed has nobody who waits.
  static_cast<void>(loop_.post([life = life_, id, answer = std::move(answer)]() mutable {
    if (life->front != nullptr) life->front->answered(id, answer);
  }));
}

void Front::answered(SubscriberId id, AuthorizeAnswer& answer) {
  const auto found = newcomers_.find(id);
  if (found != newcomers_.end()) found->second->authorized(answer);
}

bool Front::origin_allowed(std::string_view origin) const noexcept {
  if (origin.empty() || options_.origins.empty()) return true;
  return std::any_of(options_.origins.begin(), options_.origins.end(),
                     [origin](std::string_view pattern) { return matches_origin(pattern, origin); });
}

// The listeners' own counters belong to the loop; these are read by everybody.
void Front::publish_listen_counters() noexcept {
  uint64_t aborted = 0;
  uint64_t failed = 0;
  for (const auto& door : doors_) {
    aborted += door->listener->counters().aborted;
    failed += door->listener->counters().failed;
  }
  aborted_.store(aborted, std::memory_order_relaxed);
  accept_failed_.store(failed, std::memory_order_relaxed);
}

FrontCounters Front::counters() const {
  FrontCounters out;
  out.accepted = accepted_.load(std::memory_order_relaxed);
  out.admitted = admitted_.load(std::memory_order_relaxed);
  out.health = health_.load(std::memory_order_relaxed);
  out.aborted = aborted_.load(std::memory_order_relaxed);
  out.accept_failed = accept_failed_.load(std::memory_order_relaxed);
  for (size_t i = 0; i < refusals_.size(); ++i) out.refused[i] = refusals_[i].load(std::memory_order_relaxed);
  const Admission::Standing standing = admission_->standing();
  out.pending = standing.pending;
  out.connections = standing.connections;
  return out;
}

}  // namespace tickwire::hub
