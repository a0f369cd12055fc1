#include "shm/parking.h"

#include <algorithm>
#include <cerrno>

// The calls under os_sync_wait_on_address() of macOS 14.4, there since 10.12 and used by the C++ library itself; no
// header declares them.
extern "C" {
int __ulock_wait(uint32_t operation, void* address, uint64_t value, uint32_t timeout_us);
int __ulock_wake(uint32_t operation, void* address, uint64_t wake_value);
}

namespace tickwire::shm {
namespace {

constexpr uint32_t kCompareAndWaitShared = 3;  // a 32-bit word that several processes have mapped
constexpr uint32_t kWakeAll = 0x00000100;
constexpr int64_t kMaxTimeoutUs = UINT32_MAX;

}  // namespace

// There is no call that fences other processes' threads here.
bool accept_heavy_fences() noexcept { return false; }

bool heavy_fence() noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return false;
}

void sleep_on(HalfWord& word, uint32_t value, int64_t timeout_ns) noexcept {
  if (timeout_ns == 0) return;
  // A timeout of 0 means none.
  const auto us = timeout_ns < 0 ? 0 : std::clamp<int64_t>(timeout_ns / 1'000, 1, kMaxTimeoutUs);
  // However it ends, the caller looks again.
  static_cast<void>(__ulock_wait(kCompareAndWaitShared, &word, value, static_cast<uint32_t>(us)));
}

void wake_all(HalfWord& word) noexcept { static_cast<void>(__ulock_wake(kCompareAndWaitShared | kWakeAll, &word, 0)); }

}  // namespace tickwire::shm
