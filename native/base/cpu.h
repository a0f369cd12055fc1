// The thread that runs: where it runs, what it is called, what it used.
#pragma once
#include <cstdint>
#include <thread>

#include "base/error.h"

namespace tickwire {

// Tells the core that this is a spin loop: it saves power, leaves the pipeline to the sibling hyper-thread, and makes
// leaving the loop cheaper.
inline void cpu_relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  // `yield` does nothing on cores without hyper-threads; this barrier costs about as long as x86's pause.
  asm volatile("isb" ::: "memory");
#else
  asm volatile("" ::: "memory");
#endif
}

// Binds the calling thread to one CPU, counted from 0. Fails with kSystem: EINVAL when the CPU does not exist or may
// not be used, ENOTSUP where the system does not bind threads (macOS on Apple silicon).
[[nodiscard]] Result<void> pin_this_thread(int cpu);

// Shown by debuggers and top; cut to 15 characters where the system takes no more. Purely informative, so that a
// failure has no consequence and is not reported.
void name_this_thread(const char* name) noexcept;

// CPU time that a thread of this process has used, in nanoseconds; -1 when the system does not tell (an ended thread).
[[nodiscard]] int64_t thread_cpu_time_ns(std::thread::native_handle_type thread) noexcept;

}  // namespace tickwire
