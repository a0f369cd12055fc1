#include <pthread.h>
#include <sched.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "base/cpu.h"

namespace tickwire {

Result<void> pin_this_thread(int cpu) {
  if (cpu < 0 || cpu >= CPU_SETSIZE) return error_from_errno(EINVAL, "pin to CPU");
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(cpu), &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) return error_from_errno(errno, "pin to CPU");
  return {};
}

void name_this_thread(const char* name) noexcept {
  char cut[16];
  std::strncpy(cut, name, sizeof cut - 1);
  cut[sizeof cut - 1] = '\0';
  static_cast<void>(pthread_setname_np(pthread_self(), cut));
}

int64_t thread_cpu_time_ns(std::thread::native_handle_type thread) noexcept {
  clockid_t clock;
  timespec ts;
  if (pthread_getcpuclockid(thread, &clock) != 0 || clock_gettime(clock, &ts) != 0) return -1;
  return static_cast<int64_t>(ts.tv_sec) * 1'000'000'000 + ts.tv_nsec;
}

}  // namespace tickwire
