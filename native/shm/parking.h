// Readers that sleep until something is published, and the writer that wakes them. One implementation of the system's
// part per platform.
//
// The writer stores `published`, then loads `parked`; a reader stores `parked`, then loads `published`. If each side's
// load could overtake its own store, both would see the old value and the reader would sleep on a ring that is not
// empty. A fence in the writer between the two would be paid with every message, so the reader pays for both:
// heavy_fence() makes every CPU that runs a thread of a registered process pass a full barrier. A store of the writer's
// from before its barrier is seen by the reader's load behind heavy_fence(); a load of the writer's behind its barrier
// sees `parked`. Where the system has no such call the writer fences itself (kFlagWriterFences).
#pragma once
#include <atomic>
#include <cstdint>

#include "shm/layout.h"

namespace tickwire::shm {

// Registers this process with those that heavy_fence() reaches. False: the writer has to fence for itself.
[[nodiscard]] bool accept_heavy_fences() noexcept;

// A full barrier on this thread and on all threads of registered processes. False when the system refused: then a
// reader must not rely on being woken.
[[nodiscard]] bool heavy_fence() noexcept;

// Sleeps while `word` holds `value`, until wake_all() on it, also from another process, a signal, or the timeout
// (nanoseconds; < 0: none). May return without reason.
void sleep_on(HalfWord& word, uint32_t value, int64_t timeout_ns) noexcept;
void wake_all(HalfWord& word) noexcept;

// For the writer, after its fence if it has one.
[[nodiscard]] inline bool anybody_parked(const Park& park) noexcept {
  return park.parked.load(std::memory_order_relaxed) != 0;
}

// Wakes all readers that sleep. A reader that comes meanwhile read `wakes` before it set `parked`: either it sees the
// new count when it wants to sleep, or it set `parked` after it was taken back and looks at `published` again.
inline void wake_readers(Park& park) noexcept {
  park.parked.exchange(0, std::memory_order_seq_cst);
  park.wakes.fetch_add(1, std::memory_order_seq_cst);
  wake_all(park.wakes);
}

}  // namespace tickwire::shm
