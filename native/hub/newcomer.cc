#include "hub/newcomer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "wire/control.h"
#include "wire/header.h"

namespace tickwire::hub {
namespace {

constexpr size_t kFirstRead = 1024;
// What a refused client may still send before the connection is cut under it.
constexpr size_t kMaxDiscarded = 64 * 1024;

}  // namespace

Newcomer::Newcomer(Front& front, const Endpoint& endpoint, SubscriberId id, std::unique_ptr<Stream> stream,
                   TlsStream* tls, const SocketAddress& peer, Admission::Ticket ticket, Refusal turned_away)
    : front_(front),
      endpoint_(endpoint),
      stream_(std::move(stream)),
      tls_(tls),
      fd_(stream_->fd()),
      peer_(peer),
      ticket_(std::move(ticket)),
      turned_away_(turned_away),
      state_(tls != nullptr ? State::kTls : State::kHead),
      parser_(front.options_.request) {
  info_.id = id;
  info_.remote_address = peer_.host();
  info_.remote_port = peer_.port();
}

Newcomer::~Newcomer() { detach(); }

void Newcomer::detach() noexcept {
  if (std::exchange(detached_, true)) return;
  leave();
  // Who was handed over goes on counting.
  if (stream_ != nullptr) front_.load_[Hub::loop_of(info_.id)].fetch_sub(1, std::memory_order_relaxed);
  stream_.reset();
  ticket_.reset();
}

// Off the loop; the stream stays.
void Newcomer::leave() noexcept {
  if (std::exchange(watched_, false)) front_.loop_.unwatch(fd_, *this);
  front_.loop_.cancel_resume(*this);
  front_.loop_.timers().disarm(timer_);
}

void Newcomer::start() {
  front_.loop_.arm_in(timer_, has_ticket() ? front_.options_.handshake_timeout_ns : front_.options_.linger_ns);
  if (Result<void> watched = front_.loop_.watch(fd_, *this); !watched.ok()) {
    return fail(Refusal::kGone, watched.error().text);
  }
  watched_ = true;
  // Over the wire format there is nothing to be read first.
  if (!has_ticket() && endpoint_.protocol == Protocol::kWire) refuse(turned_away_, 0, "the hub is full");
}

void Newcomer::on_ready(uint32_t ready) {
  if (state_ == State::kAuthorize) {
    // Nothing is read while the user is being asked, so this alone tells that the client has given up.
    if ((ready & (kHangup | kError)) != 0) fail(Refusal::kGone, "the client left before it was authorized");
    return;
  }
  proceed();
}

void Newcomer::proceed() {
  switch (state_) {
    case State::kTls:
      return shake_hands();
    case State::kHead:
      return read_head();
    case State::kAnswer:
      return write_answer();
    case State::kLinger:
      return discard();
    case State::kAuthorize:
    case State::kDone:
      return;
  }
}

void Newcomer::shake_hands() {
  if (!front_.take_tls_step()) return front_.loop_.resume_later(*this);
  const IoResult r = tls_->handshake();
  if (r.status == IoStatus::kAgain) return;
  if (r.status != IoStatus::kOk) return fail(Refusal::kTls, r.error.text);
  state_ = State::kHead;
  read_head();
}

void Newcomer::read_head() {
  const size_t most = endpoint_.protocol == Protocol::kWire ? wire::kHeaderBytes + wire::kMaxToken + wire::kMaxName + 64
                                                            : front_.options_.request.max_bytes + 1;
  for (;;) {
    if (input_.size() == input_.capacity() && input_.size() < most &&
        !input_.reserve(std::min(most, std::max(kFirstRead, input_.size() * 2)), most)) {
      return fail(Refusal::kGone, "no memory");
    }
    const size_t room = std::min(input_.capacity(), most) - input_.size();
    if (room == 0) return refuse(Refusal::kMalformed, 431, "the request is too long");
    int64_t kernel_ns = 0;
    const IoResult r = stream_->read({input_.data() + input_.size(), room}, kernel_ns);
    switch (r.status) {
      case IoStatus::kAgain:
        return;
      case IoStatus::kEof:
        return fail(Refusal::kGone, "the client left in the middle of its handshake");
      case IoStatus::kError:
        return fail(Refusal::kGone, r.error.text);
      case IoStatus::kOk:
        break;
    }
    input_.set_size(input_.size() + r.bytes);
    if (judge()) return;
  }
}

bool Newcomer::judge() { return endpoint_.protocol == Protocol::kWire ? judge_hello() : judge_request(); }

void Newcomer::on_timeout(int64_t) {
  switch (state_) {
    case State::kTls:
    case State::kHead:
      if (!has_ticket()) return fail(turned_away_, {});
      // Somebody who has said something may read what went wrong; what the socket takes at once is enough for that.
      if (!input_.empty()) return refuse(Refusal::kTimeout, 408, "the handshake took too long");
      return fail(Refusal::kTimeout, "the handshake took too long");
    case State::kAuthorize:
      return refuse(Refusal::kAuthorizeTimeout, 503, "authorization took too long");
    case State::kAnswer:
    case State::kLinger:
      state_ = State::kDone;
      leave();
      return front_.remove(*this);
    case State::kDone:
      return;
  }
}

void Newcomer::ask(AuthorizeRequest& request) {
  if (!front_.options_.authorize) return come_in();
  request.id = info_.id;
  request.protocol = endpoint_.protocol;
  request.secure = tls_ != nullptr;
  request.address = info_.remote_address;
  request.port = info_.remote_port;
  request.all_topics = info_.all_topics;
  request.topics = info_.topics;
  request.keys = info_.keys;
  const std::string subject = tls_ != nullptr ? tls_->peer_subject() : std::string();
  request.tls_subject = subject;
  state_ = State::kAuthorize;
  front_.loop_.arm_in(timer_, front_.options_.authorize_timeout_ns);
  front_.listener_.on_authorize(request);
}

void Newcomer::authorized(AuthorizeAnswer& answer) {
  if (state_ != State::kAuthorize) return;
  if (!answer.allowed) return refuse(Refusal::kUnauthorized, std::clamp(answer.http, 400, 599), "not allowed");
  if (answer.topics) {
    info_.topics = std::move(*answer.topics);
    info_.all_topics = std::find(info_.topics.begin(), info_.topics.end(), "*") != info_.topics.end();
    if (info_.all_topics) info_.topics.clear();
  }
  if (answer.keys) info_.keys = std::move(*answer.keys);
  info_.access = std::move(answer.access);
  info_.slow = answer.slow;
  if (front_.draining()) return refuse(Refusal::kClosing, 503, "the hub is closing");
  come_in();
}

void Newcomer::come_in() {
  state_ = State::kDone;
  leave();
  size_t written = 0;
  if (!answer_.empty()) {
    const iovec piece{answer_.data(), answer_.size()};
    IoResult r = stream_->write({&piece, 1});
    if (r.status == IoStatus::kError) return fail(Refusal::kGone, r.error.text);
    written = r.bytes;
  }
  info_.unsent.assign(answer_.begin() + static_cast<std::ptrdiff_t>(written), answer_.end());
  front_.hand_over(std::move(stream_), std::move(info_), std::move(ticket_));
  front_.remove(*this);
}

void Newcomer::refuse(Refusal why, int http, std::string_view text) {
  if (endpoint_.protocol == Protocol::kWire) return refuse_wire(why, text);
  refuse_http(why, http, text);
}

void Newcomer::say(std::string answer) {
  answer_ = std::move(answer);
  input_.clear_and_trim(0);
  state_ = State::kAnswer;
  front_.loop_.arm_in(timer_, front_.options_.linger_ns);
  write_answer();
}

void Newcomer::write_answer() {
  while (!answer_.empty()) {
    const iovec piece{answer_.data(), answer_.size()};
    const IoResult r = stream_->write({&piece, 1});
    if (r.status == IoStatus::kAgain) return;
    if (r.status != IoStatus::kOk) {
      state_ = State::kDone;
      leave();
      return front_.remove(*this);
    }
    answer_.erase(0, r.bytes);
  }
  if (stream_->has_unsent_output() && stream_->write({}).status == IoStatus::kAgain) return;
  stream_->shutdown_write();
  state_ = State::kLinger;
  discard();
}

// Closing a socket with unread input resets the connection, which may take the answer with it: so what the client still
// says is read and thrown away until it has gone.
void Newcomer::discard() {
  uint8_t buffer[4096];
  for (;;) {
    int64_t kernel_ns = 0;
    const IoResult r = stream_->read(buffer, kernel_ns);
    if (r.status == IoStatus::kAgain) return;
    discarded_ += r.bytes;
    if (r.status == IoStatus::kOk && discarded_ <= kMaxDiscarded) continue;
    state_ = State::kDone;
    leave();
    return front_.remove(*this);
  }
}

void Newcomer::fail(Refusal why, std::string_view text) {
  state_ = State::kDone;
  leave();
  front_.refused(why, 0, peer_, text);
  front_.remove(*this);
}

}  // namespace tickwire::hub
