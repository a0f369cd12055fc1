// Readiness notification: epoll on Linux, kqueue on macOS and the BSDs. One file each; the build picks one.
#pragma once
#include <cstdint>
#include <span>

#include "base/error.h"

namespace tickwire {

enum class Trigger : uint8_t { kEdge, kLevel };  // edge is what the core uses; level exists to be measured against

enum Ready : uint32_t {
  kReadable = 1u << 0,
  kWritable = 1u << 1,
  kHangup = 1u << 2,  // the peer closed its writing side or the whole connection; reading says which. With kReadable
  kError = 1u << 3,
};

struct PollEvent {
  void* token = nullptr;
  uint32_t ready = 0;  // Ready bits
};

class Poller {
 public:
  [[nodiscard]] static Result<Poller> create();
  Poller(Poller&& other) noexcept;
  Poller& operator=(Poller&& other) noexcept;
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  ~Poller();

  // Watches reading and writing at once: with edges an idle writable side costs nothing.
  // With Trigger::kLevel only reading is watched.
  [[nodiscard]] Result<void> add(int fd, void* token, Trigger trigger = Trigger::kEdge) noexcept;
  // Hands the descriptor to another token and reports its present readiness anew.
  [[nodiscard]] Result<void> rearm(int fd, void* token, Trigger trigger = Trigger::kEdge) noexcept;
  [[nodiscard]] Result<void> remove(int fd) noexcept;
  // Fills `out` with at most one event per token; returns how many. timeout_ns < 0 waits for ever, 0 does not wait.
  // EINTR counts as no event. A wake-up is swallowed: it only ends the wait. Never returns early for a positive timeout
  // without a reason (event, wake-up, signal); where the kernel counts milliseconds only, the timeout is rounded up.
  [[nodiscard]] Result<uint32_t> wait(std::span<PollEvent> out, int64_t timeout_ns) noexcept;
  // From any thread: ends the present or the next wait.
  void wake() noexcept;
  // Readable when an event waits, so that another loop can watch this one.
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  Poller(int fd, int wake_fd) : fd_(fd), wake_fd_(wake_fd) {}
  int fd_ = -1;
  int wake_fd_ = -1;  // eventfd; EVFILT_USER needs none
};

}  // namespace tickwire
