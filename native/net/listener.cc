#include "net/listener.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "net/socket_platform.h"

namespace tickwire {
namespace {

enum class Failure : uint8_t {
  kDrained,     // nobody waits
  kConnection,  // the connection's own trouble: the next one may be fine
  kSystem,      // ours: the next attempt would fail as well
};

// accept(2): errors that were pending on the new connection are reported by the call that takes it.
Failure kind_of(int err) noexcept {
  if (err == EAGAIN || err == EWOULDBLOCK) return Failure::kDrained;
  switch (err) {
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case ETIMEDOUT:
    case ECONNRESET:
    case EPERM:  // a packet filter's word
      return Failure::kConnection;
    default:
      return Failure::kSystem;
  }
}

Result<void> set_flag(int fd, int level, int option, bool on, const char* name) {
  const int value = on ? 1 : 0;
  if (::setsockopt(fd, level, option, &value, sizeof value) != 0) return error_from_errno(errno, name);
  return {};
}

Result<Fd> bound_socket(const ListenOptions& options) {
  Result<Fd> opened = open_tcp_socket(options.address.family(), options.socket);
  if (!opened.ok()) return opened;
  const int fd = opened.value().get();
  // Connections of a former process that are still in TIME_WAIT must not keep the port from a restarted one.
  if (auto r = set_flag(fd, SOL_SOCKET, SO_REUSEADDR, true, "SO_REUSEADDR"); !r.ok()) return r.error();
  if (options.address.family() == AF_INET6) {
    // Said either way: the default is the system's, and systems differ.
    if (auto r = set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, options.only_v6, "IPV6_V6ONLY"); !r.ok()) return r.error();
  }
  if (::bind(fd, options.address.raw(), options.address.length) != 0) return error_from_errno(errno, "bind");
  if (::listen(fd, std::max(1, options.backlog)) != 0) return error_from_errno(errno, "listen");
  return opened;
}

}  // namespace

Listener::Listener(Loop& loop, const ListenOptions& options, AcceptListener& listener, Fd fd)
    : loop_(loop), listener_(listener), options_(options), fd_(std::move(fd)), retry_ns_(options.first_retry_ns) {}

Result<std::unique_ptr<Listener>> Listener::open(Loop& loop, const ListenOptions& options, AcceptListener& listener) {
  Result<Fd> fd = bound_socket(options);
  if (!fd.ok()) return fd.error();
  std::unique_ptr<Listener> self(new Listener(loop, options, listener, std::move(fd.value())));
  SocketAddress& address = self->address_;
  address.length = sizeof address.storage;
  if (::getsockname(self->fd_.get(), reinterpret_cast<sockaddr*>(&address.storage), &address.length) != 0) {
    return error_from_errno(errno, "getsockname");
  }
  if (Result<void> watched = loop.watch(self->fd_.get(), *self); !watched.ok()) return watched.error();
  return self;
}

void Listener::close() noexcept {
  if (!fd_.valid()) return;
  loop_.unwatch(fd_.get(), *this);
  loop_.cancel_resume(*this);
  loop_.timers().disarm(retry_timer_);
  fd_.reset();
}

void Listener::on_ready(uint32_t) {
  // While it backs off a new connection changes nothing: there is still no descriptor for it.
  if (!retry_timer_.armed()) drain();
}

void Listener::on_retry(int64_t) { drain(); }

void Listener::drain() {
  for (uint32_t budget = std::max(1u, options_.accepts); budget > 0 && fd_.valid(); --budget) {
    SocketAddress peer;
    peer.length = sizeof peer.storage;
    Fd socket(platform::accept_stream(fd_.get(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.length));
    if (socket.valid()) {
      ++counters_.accepted;
      retry_ns_ = options_.first_retry_ns;
      listener_.on_accepted(std::move(socket), peer);
      continue;
    }
    const int err = errno;
    switch (kind_of(err)) {
      case Failure::kDrained:
        return;
      case Failure::kConnection:
        ++counters_.aborted;
        continue;
      case Failure::kSystem:
        back_off(err);
        return;
    }
  }
  if (fd_.valid()) loop_.resume_later(*this);
}

// The edge for those who wait is spent, and asking again at once would fail again: a timer comes back to them.
void Listener::back_off(int err) {
  ++counters_.failed;
  const int64_t delay = retry_ns_;
  retry_ns_ = std::min(retry_ns_ * 2, options_.max_retry_ns);
  loop_.refresh_now();
  loop_.arm_in(retry_timer_, delay);
  listener_.on_accept_failed(error_from_errno(err, "accept"), delay);
}

}  // namespace tickwire
