// Where one broadcast loop and the publishers meet: how far the loop still reads back, and from when on it wants to be
// woken. Each word has its cache line.
//
// Memory order of wake_at. The loop stores wake_at, then loads the log's head; a publisher stores the head, then loads
// wake_at. As with any such pair, only sequential consistency forbids that both miss the other's store: the loop uses
// seq_cst operations with a fence between them, the publisher a fence. Whoever takes the wish to be woken does so by an
// exchange, so that one of several publishers posts.
#pragma once
#include <atomic>
#include <cstdint>

namespace tickwire::hub {

struct LoopGate {
  static constexpr uint64_t kReadsNothing = UINT64_MAX;
  static constexpr uint64_t kAwake = UINT64_MAX;

  // The loop reads no entry below this any more; kReadsNothing without subscribers. Lowered only under the publisher's
  // mutex, raised at any time (release): what the loop read before is read.
  alignas(64) std::atomic<uint64_t> floor{kReadsNothing};
  // Published bytes from which on the loop is to be woken; kAwake while it will look by itself.
  alignas(64) std::atomic<uint64_t> wake_at{kAwake};

  // The publisher's side, after the head was stored and a full fence. True for the one that has to wake the loop.
  [[nodiscard]] bool take_wake(uint64_t published_bytes) noexcept {
    return published_bytes >= wake_at.load(std::memory_order_relaxed) &&
           wake_at.exchange(kAwake, std::memory_order_acq_rel) != kAwake;
  }
  // The loop's side. It must look at the head once more afterwards.
  void wish(uint64_t published_bytes) noexcept {
    wake_at.store(published_bytes, std::memory_order_seq_cst);
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  void awake() noexcept { wake_at.store(kAwake, std::memory_order_relaxed); }
};

}  // namespace tickwire::hub
