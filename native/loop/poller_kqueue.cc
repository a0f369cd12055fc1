#include <fcntl.h>
#include <sys/event.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "loop/poller.h"

namespace tickwire {
namespace {

constexpr size_t kMaxBatch = 256;  // events taken from the kernel at once; they lie on the stack

constexpr uintptr_t kWakeIdent = 0;

// The system refuses waits of more than some three years. Whoever waits that long can as well look up once a day.
constexpr int64_t kMaxWaitNs = 86'400 * int64_t{1'000'000'000};

Result<void> change(int kqueue_fd, uintptr_t ident, int filter, unsigned flags, unsigned filter_flags, void* token,
                    const char* what) noexcept {
  struct kevent event;
  EV_SET(&event, ident, static_cast<int16_t>(filter), static_cast<uint16_t>(flags), filter_flags, 0, token);
  while (kevent(kqueue_fd, &event, 1, nullptr, 0, nullptr) < 0) {
    if (errno != EINTR) return error_from_errno(errno, what);
  }
  return {};
}

uint32_t to_ready(const struct kevent& event) noexcept {
  if ((event.flags & EV_ERROR) != 0) return kError;
  uint32_t ready = event.filter == EVFILT_WRITE ? kWritable : kReadable;
  // The end of the stream is something to read: whoever looks at kReadable alone must not miss it.
  if ((event.flags & EV_EOF) != 0) {
    ready |= kHangup | kReadable;
    if (event.fflags != 0) ready |= kError;  // the socket's errno
  }
  return ready;
}

void close_fd(int fd) noexcept {
  // There is nothing to repeat or to report: the descriptor is not used again.
  if (fd >= 0) static_cast<void>(::close(fd));
}

}  // namespace

Result<Poller> Poller::create() {
  Poller poller(::kqueue(), -1);
  if (poller.fd_ < 0) return error_from_errno(errno, "kqueue");
  if (fcntl(poller.fd_, F_SETFD, FD_CLOEXEC) != 0) return error_from_errno(errno, "fcntl");
  Result<void> added = change(poller.fd_, kWakeIdent, EVFILT_USER, EV_ADD | EV_CLEAR, 0, nullptr, "kevent");
  if (!added.ok()) return added.error();
  return poller;
}

Poller::Poller(Poller&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), wake_fd_(std::exchange(other.wake_fd_, -1)) {}

Poller& Poller::operator=(Poller&& other) noexcept {
  if (this != &other) {
    close_fd(fd_);
    fd_ = std::exchange(other.fd_, -1);
    wake_fd_ = std::exchange(other.wake_fd_, -1);
  }
  return *this;
}

Poller::~Poller() { close_fd(fd_); }

Result<void> Poller::add(int fd, void* token, Trigger trigger) noexcept {
  const auto ident = static_cast<uintptr_t>(fd);
  const unsigned flags = trigger == Trigger::kEdge ? EV_ADD | EV_CLEAR : EV_ADD;
  Result<void> result = change(fd_, ident, EVFILT_READ, flags, 0, token, "kevent add");
  if (!result.ok() || trigger == Trigger::kLevel) return result;
  result = change(fd_, ident, EVFILT_WRITE, flags, 0, token, "kevent add");
  // Half a registration would report reading and never writing; its removal can only fail when there is nothing left.
  if (!result.ok()) static_cast<void>(change(fd_, ident, EVFILT_READ, EV_DELETE, 0, nullptr, "kevent remove"));
  return result;
}

Result<void> Poller::rearm(int fd, void* token, Trigger trigger) noexcept {
  // An EV_ADD of what is there already changes the token but need not look at the state again; a new one does.
  Result<void> result = remove(fd);
  return result.ok() ? add(fd, token, trigger) : result;
}

Result<void> Poller::remove(int fd) noexcept {
  const auto ident = static_cast<uintptr_t>(fd);
  Result<void> result = change(fd_, ident, EVFILT_READ, EV_DELETE, 0, nullptr, "kevent remove");
  Result<void> written = change(fd_, ident, EVFILT_WRITE, EV_DELETE, 0, nullptr, "kevent remove");
  if (!written.ok() && written.error().detail != ENOENT && result.ok()) return written;  // level has no write filter
  return result;
}

Result<uint32_t> Poller::wait(std::span<PollEvent> out, int64_t timeout_ns) noexcept {
  struct kevent events[kMaxBatch];
  timespec ts{};
  if (timeout_ns > 0) {
    const int64_t ns = std::min(timeout_ns, kMaxWaitNs);
    ts.tv_sec = static_cast<time_t>(ns / 1'000'000'000);
    ts.tv_nsec = static_cast<long>(ns % 1'000'000'000);
  }
  if (out.empty()) return error_from_errno(EINVAL, "kevent");
  const int capacity = static_cast<int>(std::min(out.size(), kMaxBatch));
  const int n = kevent(fd_, nullptr, 0, events, capacity, timeout_ns < 0 ? nullptr : &ts);
  if (n < 0) {
    if (errno == EINTR) return uint32_t{0};
    return error_from_errno(errno, "kevent");
  }
  uint32_t filled = 0;
  bool any_write = false;
  for (int i = 0; i < n; ++i) {
    const struct kevent& event = events[i];
    if (event.filter == EVFILT_USER) continue;
    void* const token = reinterpret_cast<void*>(event.udata);
    const bool write = event.filter == EVFILT_WRITE;
    // Reading and writing come apart. A receiver may go away in its first event, so there must not be a second one.
    // Reading alone is what a loop under load sees, and then nothing is searched.
    PollEvent* known = nullptr;
    if (write || any_write) {
      PollEvent* const end = out.data() + filled;
      PollEvent* const found = std::find_if(out.data(), end, [token](const PollEvent& e) { return e.token == token; });
      if (found != end) known = found;
    }
    any_write = any_write || write;
    if (known != nullptr) {
      known->ready |= to_ready(event);
    } else {
      out[filled++] = {token, to_ready(event)};
    }
  }
  return filled;
}

void Poller::wake() noexcept {
  // Fails only when the queue was closed or moved away, and then there is no loop to wake.
  static_cast<void>(change(fd_, kWakeIdent, EVFILT_USER, 0, NOTE_TRIGGER, nullptr, "kevent wake"));
}

}  // namespace tickwire
