#include "net/connect_attempt.h"

#include <sys/socket.h>

#include <cerrno>

#include "net/socket_platform.h"
#include "net/tcp_stream.h"

namespace tickwire {

ConnectAttempt::ConnectAttempt(Loop& loop, const ConnectTarget& target, ConnectListener& listener, Resolver& resolver)
    : loop_(loop),
      target_(target),
      listener_(listener),
      resolver_(resolver),
      race_(loop, target_.socket, target_.attempt_delay_ns, *this) {}

void ConnectAttempt::start() {
  phase_ = Phase::kResolve;
  loop_.arm_in(timer_, target_.timeout_ns);
  loop_.resume_later(*this);
}

void ConnectAttempt::abandon() noexcept {
  phase_ = Phase::kDone;
  loop_.timers().disarm(timer_);
  loop_.cancel_resume(*this);
  query_.reset();
  race_.stop();
  stop_watching();
  tls_.reset();
  fd_.reset();
}

void ConnectAttempt::stop_watching() noexcept {
  if (!watching_) return;
  loop_.unwatch(tls_ ? tls_->fd() : fd_.get(), *this);
  watching_ = false;
}

void ConnectAttempt::on_time_over(int64_t) {
  const std::string after = " within " + std::to_string(target_.timeout_ns / 1'000'000) + " ms";
  switch (phase_) {
    case Phase::kResolve:
      return fail({Errc::kDns, 0, "cannot resolve " + dialled_host() + after});
    case Phase::kConnect:
      return fail({Errc::kConnectTimeout, 0, "no connection to " + dialled_host() + after});
    case Phase::kProxy:
      return fail({Errc::kHandshakeTimeout, 0, "the proxy did not open the tunnel" + after});
    case Phase::kTls:
      return fail({Errc::kHandshakeTimeout, 0, "the TLS handshake did not end" + after});
    case Phase::kIdle:
    case Phase::kDone:
      return;
  }
}

void ConnectAttempt::on_resume() {
  const uint16_t port = tunnels() ? target_.proxy.port : target_.port;
  if (auto known = resolver_.resolve_now(dialled_host(), port)) return on_resolved(*known);
  query_ = resolver_.resolve(loop_, dialled_host(), port,
                             [this](const Result<Resolver::Addresses>& addresses) { on_resolved(addresses); });
}

void ConnectAttempt::on_resolved(const Result<Resolver::Addresses>& addresses) {
  query_.reset();
  if (!addresses.ok()) return fail(addresses.error());
  phase_ = Phase::kConnect;
  race_.start(addresses.value());
}

void ConnectAttempt::on_race_lost(const Error& error) {
  resolver_.distrust(dialled_host());
  fail(error);
}

void ConnectAttempt::on_race_won(Fd fd) {
  fd_ = std::move(fd);
  platform::acknowledge_at_once(fd_.get());
  if (const auto peer = SocketAddress::peer_of(fd_.get())) {
    info_.remote_address = peer->host();
    info_.remote_port = peer->port();
  }
  if (tunnels()) return begin_tunnel();
  if (target_.tls) return begin_tls();
  succeed(std::make_unique<TcpStream>(std::move(fd_)));
}

void ConnectAttempt::on_ready(uint32_t) {
  if (phase_ == Phase::kProxy) {
    go_on_with_tunnel();
  } else if (phase_ == Phase::kTls) {
    go_on_with_tls();
  }
}

void ConnectAttempt::begin_tunnel() {
  phase_ = Phase::kProxy;
  auto request = proxy_connect_request(target_.host, target_.port, target_.proxy.authorization);
  if (!request.ok()) return fail(request.error());
  request_ = std::move(request.value());
  if (auto watched = loop_.watch(fd_.get(), *this); !watched.ok()) return fail(watched.error());
  watching_ = true;
  go_on_with_tunnel();
}

bool ConnectAttempt::send_tunnel_request() {
  while (request_sent_ < request_.size()) {
    const ssize_t n =
        ::send(fd_.get(), request_.data() + request_sent_, request_.size() - request_sent_, platform::send_flags());
    if (n >= 0) {
      request_sent_ += static_cast<size_t>(n);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return true;
    } else if (errno != EINTR) {
      fail(error_from_errno(errno, "send to the proxy"));
      return false;
    }
  }
  return true;
}

// The answer is looked at before it is taken, so that bytes behind it stay in the socket for whoever reads next.
void ConnectAttempt::go_on_with_tunnel() {
  if (!send_tunnel_request()) return;
  uint8_t bytes[2048];
  while (answer_.state() == ProxyAnswer::State::kMore) {
    ssize_t n = ::recv(fd_.get(), bytes, sizeof bytes, MSG_PEEK);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (n < 0) return fail(error_from_errno(errno, "receive from the proxy"));
    if (n == 0)
      return fail({Errc::kProxyMalformed, 0, "the proxy closed the connection before its answer was complete"});
    const size_t used = answer_.feed({bytes, static_cast<size_t>(n)});
    if (answer_.state() == ProxyAnswer::State::kOpen && target_.tls && used < static_cast<size_t>(n)) {
      return fail(
          {Errc::kProxyMalformed, 0, "the proxy sent bytes behind its answer"});  // in TLS the client speaks first
    }
    do {
      n = ::recv(fd_.get(), bytes, used, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return fail(error_from_errno(errno, "receive from the proxy"));
  }
  if (answer_.state() == ProxyAnswer::State::kFailed) return fail(answer_.error());
  if (request_sent_ < request_.size()) {
    return fail({Errc::kProxyMalformed, 0, "the proxy answered before it had the request"});
  }
  if (target_.tls) return begin_tls();
  stop_watching();
  succeed(std::make_unique<TcpStream>(std::move(fd_)));
}

void ConnectAttempt::begin_tls() {
  phase_ = Phase::kTls;
  stop_watching();
  auto stream = TlsStream::create(std::move(fd_), target_.tls, target_.host, target_.port);
  if (!stream.ok()) return fail(stream.error());
  tls_ = std::move(stream.value());
  if (auto watched = loop_.watch(tls_->fd(), *this); !watched.ok()) return fail(watched.error());
  watching_ = true;
  go_on_with_tls();
}

void ConnectAttempt::go_on_with_tls() {
  const IoResult r = tls_->handshake();
  if (r.status == IoStatus::kAgain) return;
  if (r.status != IoStatus::kOk) return fail(r.error);
  tls_->describe(info_);
  stop_watching();
  succeed(std::move(tls_));
}

void ConnectAttempt::succeed(std::unique_ptr<Stream> stream) {
  const StreamInfo info = std::move(info_);
  abandon();
  listener_.on_connected(std::move(stream), info);
}

void ConnectAttempt::fail(const Error& error) {
  const Error own = error;  // may live in what abandon() releases
  abandon();
  listener_.on_connect_failed(own);
}

}  // namespace tickwire
