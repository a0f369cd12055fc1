#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <ctime>
#include <utility>

#include "loop/poller.h"

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441  // the same number on every architecture; older headers do not name it
#endif

namespace tickwire {
namespace {

constexpr size_t kMaxBatch = 256;  // events taken from the kernel at once; they lie on the stack

char wake_token;  // only its address is used

uint32_t interest(Trigger trigger) noexcept {
  const uint32_t read = EPOLLIN | EPOLLRDHUP;
  return trigger == Trigger::kEdge ? read | EPOLLOUT | EPOLLET : read;
}

uint32_t to_ready(uint32_t events) noexcept {
  uint32_t ready = 0;
  if (events & (EPOLLIN | EPOLLPRI)) ready |= kReadable;
  if (events & EPOLLOUT) ready |= kWritable;
  // The end of the stream is something to read: whoever looks at kReadable alone must not miss it.
  if (events & (EPOLLRDHUP | EPOLLHUP)) ready |= kHangup | kReadable;
  if (events & EPOLLERR) ready |= kError;
  return ready;
}

Result<void> control(int epoll_fd, int operation, int fd, epoll_event* event, const char* what) noexcept {
  if (epoll_ctl(epoll_fd, operation, fd, event) != 0) return error_from_errno(errno, what);
  return {};
}

// Cleared for good when the kernel (before 5.11) or a sandbox refuses the call.
std::atomic<bool> have_pwait2{true};

int wait_ns(int epoll_fd, epoll_event* events, int capacity, int64_t timeout_ns) noexcept {
  if (timeout_ns == 0) return epoll_wait(epoll_fd, events, capacity, 0);
  if (timeout_ns < 0) return epoll_wait(epoll_fd, events, capacity, -1);
  if (have_pwait2.load(std::memory_order_relaxed)) {
    timespec ts;
    ts.tv_sec = static_cast<time_t>(timeout_ns / 1'000'000'000);
    ts.tv_nsec = static_cast<long>(timeout_ns % 1'000'000'000);
    // Through syscall(), as glibc before 2.35 has no wrapper.
    const long n = syscall(SYS_epoll_pwait2, epoll_fd, events, capacity, &ts, nullptr, size_t{0});
    if (n >= 0 || (errno != ENOSYS && errno != EPERM)) return static_cast<int>(n);
    have_pwait2.store(false, std::memory_order_relaxed);
  }
  // Rounded up: a wait that ends before its deadline would turn the last millisecond into a busy loop.
  const int64_t ms = (timeout_ns - 1) / 1'000'000 + 1;
  return epoll_wait(epoll_fd, events, capacity, static_cast<int>(std::min<int64_t>(ms, INT_MAX)));
}

void close_fd(int fd) noexcept {
  // The descriptor is gone whatever close() answers on Linux, so there is nothing to repeat or to report.
  if (fd >= 0) static_cast<void>(::close(fd));
}

}  // namespace

Result<Poller> Poller::create() {
  const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) return error_from_errno(errno, "epoll_create1");
  Poller poller(epoll_fd, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (poller.wake_fd_ < 0) return error_from_errno(errno, "eventfd");
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.ptr = &wake_token;
  Result<void> added = control(epoll_fd, EPOLL_CTL_ADD, poller.wake_fd_, &event, "epoll_ctl");
  if (!added.ok()) return added.error();
  return poller;
}

Poller::Poller(Poller&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), wake_fd_(std::exchange(other.wake_fd_, -1)) {}

Poller& Poller::operator=(Poller&& other) noexcept {
  if (this != &other) {
    close_fd(wake_fd_);
    close_fd(fd_);
    fd_ = std::exchange(other.fd_, -1);
    wake_fd_ = std::exchange(other.wake_fd_, -1);
  }
  return *this;
}

Poller::~Poller() {
  close_fd(wake_fd_);
  close_fd(fd_);
}

Result<void> Poller::add(int fd, void* token, Trigger trigger) noexcept {
  epoll_event event{};
  event.events = interest(trigger);
  event.data.ptr = token;
  return control(fd_, EPOLL_CTL_ADD, fd, &event, "epoll_ctl add");
}

Result<void> Poller::rearm(int fd, void* token, Trigger trigger) noexcept {
  epoll_event event{};
  event.events = interest(trigger);
  event.data.ptr = token;
  // A modification makes the kernel look at the descriptor again, so that a present state counts as an edge.
  return control(fd_, EPOLL_CTL_MOD, fd, &event, "epoll_ctl modify");
}

Result<void> Poller::remove(int fd) noexcept {
  epoll_event unused{};  // kernels before 2.6.9 dereference it
  return control(fd_, EPOLL_CTL_DEL, fd, &unused, "epoll_ctl remove");
}

Result<uint32_t> Poller::wait(std::span<PollEvent> out, int64_t timeout_ns) noexcept {
  epoll_event events[kMaxBatch];
  const int capacity = static_cast<int>(std::min(out.size(), kMaxBatch));
  const int n = wait_ns(fd_, events, capacity, timeout_ns);
  if (n < 0) {
    if (errno == EINTR) return uint32_t{0};
    return error_from_errno(errno, "epoll_wait");
  }
  uint32_t filled = 0;
  for (int i = 0; i < n; ++i) {
    if (events[i].data.ptr == &wake_token) continue;
    out[filled++] = {events[i].data.ptr, to_ready(events[i].events)};
  }
  return filled;
}

void Poller::wake() noexcept {
  // Watched by edge: every write is an edge of its own, so that nobody needs to read the counter back.
  const uint64_t one = 1;
  while (::write(wake_fd_, &one, sizeof one) < 0) {
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return;  // EBADF after a move: there is no loop to wake
    uint64_t count;
    // Full after 2^64 - 2 writes. Empty it and try again; losing the race for it to another thread is as good.
    if (::read(wake_fd_, &count, sizeof count) < 0 && errno != EAGAIN && errno != EINTR) return;
  }
}

}  // namespace tickwire
