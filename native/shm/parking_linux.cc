#include "shm/parking.h"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <ctime>

namespace tickwire::shm {

bool accept_heavy_fences() noexcept {
  return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0;
}

bool heavy_fence() noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) == 0;
}

// Not FUTEX_PRIVATE_FLAG: the word is found by its file and offset, whoever mapped it where.
void sleep_on(HalfWord& word, uint32_t value, int64_t timeout_ns) noexcept {
  timespec timeout{};
  timeout.tv_sec = timeout_ns / 1'000'000'000;
  timeout.tv_nsec = timeout_ns % 1'000'000'000;
  // Every way in which this ends (woken, value changed, interrupted, timed out) sends the caller back to look again.
  static_cast<void>(syscall(SYS_futex, &word, FUTEX_WAIT, value, timeout_ns < 0 ? nullptr : &timeout, nullptr, 0));
}

void wake_all(HalfWord& word) noexcept {
  // Fails only for an address that is no mapped word.
  static_cast<void>(syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0));
}

}  // namespace tickwire::shm
