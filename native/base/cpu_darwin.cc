#include <mach/mach.h>
#include <mach/thread_act.h>
#include <mach/thread_policy.h>
#include <pthread.h>
#include <sys/sysctl.h>

#include <cerrno>

#include "base/cpu.h"

namespace tickwire {

Result<void> pin_this_thread(int cpu) {
  int count = 0;
  size_t size = sizeof count;
  if (sysctlbyname("hw.logicalcpu", &count, &size, nullptr, 0) != 0) return error_from_errno(errno, "pin to CPU");
  if (cpu < 0 || cpu >= count) return error_from_errno(EINVAL, "pin to CPU");
  // Threads of different tags are kept on different caches: the nearest that this system has to pinning. Tag 0 means
  // no affinity.
  thread_affinity_policy_data_t policy{cpu + 1};
  const kern_return_t code =
      thread_policy_set(pthread_mach_thread_np(pthread_self()), THREAD_AFFINITY_POLICY,
                        reinterpret_cast<thread_policy_t>(&policy), THREAD_AFFINITY_POLICY_COUNT);
  if (code != KERN_SUCCESS) return error_from_errno(code == KERN_NOT_SUPPORTED ? ENOTSUP : EINVAL, "pin to CPU");
  return {};
}

void name_this_thread(const char* name) noexcept { static_cast<void>(pthread_setname_np(name)); }

int64_t thread_cpu_time_ns(std::thread::native_handle_type thread) noexcept {
  thread_basic_info info;
  mach_msg_type_number_t count = THREAD_BASIC_INFO_COUNT;
  if (thread_info(pthread_mach_thread_np(thread), THREAD_BASIC_INFO, reinterpret_cast<thread_info_t>(&info), &count) !=
      KERN_SUCCESS) {
    return -1;
  }
  const int64_t seconds = int64_t{info.user_time.seconds} + info.system_time.seconds;
  const int64_t micros = int64_t{info.user_time.microseconds} + info.system_time.microseconds;
  return seconds * 1'000'000'000 + micros * 1'000;
}

}  // namespace tickwire
