#include "net/happy_eyeballs.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace tickwire {

namespace {

// Failures that say something about this machine's networks rather than about the peer.
bool is_local(const Error& error) noexcept {
  switch (error.code) {
    case Errc::kNetUnreachable:
    case Errc::kAddrNotAvailable:
      return true;
    default:
      return error.detail == EAFNOSUPPORT || error.detail == EINVAL;
  }
}

std::string spoken(const SocketAddress& address) {
  const bool v6 = address.family() == AF_INET6;
  return (v6 ? '[' + address.host() + ']' : address.host()) + ':' + std::to_string(address.port());
}

}  // namespace

class HappyEyeballs::Attempt final : public Watcher {
 public:
  Attempt(HappyEyeballs& race, const SocketAddress& address, Fd fd)
      : race_(race), address_(address), fd_(std::move(fd)) {}

  void on_ready(uint32_t) override {
    int err = 0;
    socklen_t size = sizeof err;
    if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &err, &size) != 0) err = errno;
    if (err != 0) {
      race_.on_attempt_failed(*this, err);
    } else if (SocketAddress::peer_of(fd_.get())) {
      race_.on_attempt_connected(*this);
    }
    // Neither an error nor a peer: an edge from before connect() took effect; the real one follows.
  }

  void close() noexcept {
    race_.loop_.unwatch(fd_.get(), *this);
    fd_.reset();
  }
  [[nodiscard]] Fd release() noexcept {
    race_.loop_.unwatch(fd_.get(), *this);
    return std::move(fd_);
  }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] const SocketAddress& address() const noexcept { return address_; }

 private:
  HappyEyeballs& race_;
  SocketAddress address_;
  Fd fd_;
};

HappyEyeballs::HappyEyeballs(Loop& loop, const SocketOptions& options, int64_t attempt_delay_ns, Listener& listener)
    : loop_(loop), options_(options), attempt_delay_ns_(attempt_delay_ns), listener_(listener) {}

HappyEyeballs::~HappyEyeballs() { stop(); }

void HappyEyeballs::start(std::vector<SocketAddress> addresses) {
  addresses_ = std::move(addresses);
  start_next();
}

void HappyEyeballs::stop() noexcept {
  over_ = true;
  loop_.timers().disarm(delay_);
  for (auto& attempt : attempts_) {
    attempt->close();
    loop_.defer_delete(std::move(attempt));  // this may be running below its on_ready
  }
  attempts_.clear();
}

void HappyEyeballs::start_next() {
  while (!over_ && next_ < addresses_.size()) {
    const SocketAddress& address = addresses_[next_++];
    if (!open_attempt(address)) continue;
    if (!over_ && next_ < addresses_.size()) loop_.arm_in(delay_, attempt_delay_ns_);
    return;
  }
  if (over_ || !attempts_.empty()) return;
  over_ = true;
  if (!error_) error_ = {Errc::kDns, 0, "the name has no address"};
  const Error error = error_;  // the listener may destroy this
  listener_.on_race_lost(error);
}

bool HappyEyeballs::open_attempt(const SocketAddress& address) {
  auto socket = open_tcp_socket(address.family(), options_);
  if (!socket.ok()) {
    remember(socket.error(), address);
    return false;
  }
  auto attempt = std::make_unique<Attempt>(*this, address, std::move(socket.value()));
  if (::connect(attempt->fd(), address.raw(), address.length) == 0) {
    win(attempt->release());
    return true;
  }
  // An interrupted connect() goes on in the background like one that could not finish at once.
  if (errno != EINPROGRESS && errno != EINTR) {
    remember(error_from_errno(errno, "connect"), address);
    return false;
  }
  if (auto watched = loop_.watch(attempt->fd(), *attempt); !watched.ok()) {
    remember(watched.error(), address);
    return false;
  }
  attempts_.push_back(std::move(attempt));
  return true;
}

std::unique_ptr<HappyEyeballs::Attempt> HappyEyeballs::take(Attempt& attempt) noexcept {
  const auto it = std::find_if(attempts_.begin(), attempts_.end(), [&](const auto& a) { return a.get() == &attempt; });
  if (it == attempts_.end()) return nullptr;
  auto owned = std::move(*it);
  attempts_.erase(it);
  return owned;
}

void HappyEyeballs::on_attempt_connected(Attempt& attempt) {
  auto owned = take(attempt);
  Fd fd = attempt.release();
  loop_.defer_delete(std::move(owned));
  win(std::move(fd));
}

void HappyEyeballs::win(Fd fd) {
  stop();
  listener_.on_race_won(std::move(fd));
}

void HappyEyeballs::on_attempt_failed(Attempt& attempt, int err) {
  remember(error_from_errno(err, "connect"), attempt.address());
  auto owned = take(attempt);
  attempt.close();
  loop_.defer_delete(std::move(owned));
  start_next();
}

void HappyEyeballs::on_delay_over(int64_t) { start_next(); }

void HappyEyeballs::remember(Error error, const SocketAddress& address) {
  error.text += " (" + spoken(address) + ')';
  if (!error_ || is_local(error_) || !is_local(error)) error_ = std::move(error);
}

}  // namespace tickwire
