#include <fcntl.h>
#include <sys/file.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <ctime>

#include "shm/platform.h"

namespace tickwire::shm {

Result<std::string> default_directory() {
  char path[PATH_MAX];
  const size_t bytes = confstr(_CS_DARWIN_USER_TEMP_DIR, path, sizeof path);
  if (bytes == 0 || bytes > sizeof path) return error_from_errno(errno != 0 ? errno : ENAMETOOLONG, "confstr");
  std::string directory(path);
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  return directory;
}

Result<void> reserve_space(int fd, uint64_t bytes) {
  fstore_t wanted{};
  wanted.fst_flags = F_ALLOCATEALL;
  wanted.fst_posmode = F_PEOFPOSMODE;
  wanted.fst_length = static_cast<off_t>(bytes);
  int err = 0;
  if (fcntl(fd, F_PREALLOCATE, &wanted) != 0 || ftruncate(fd, static_cast<off_t>(bytes)) != 0) err = errno;
  if (err == 0) return {};
  Error error = error_from_errno(err, "F_PREALLOCATE");
  if (err == ENOSPC || err == EDQUOT || err == EFBIG) error.code = Errc::kShmNoSpace;
  return error;
}

int populate_flag() noexcept { return 0; }

Result<bool> try_writer_lock(int fd) {
  // Somebody who asks below holds a shared lock for an instant.
  constexpr int kAttempts = 20;
  for (int i = 0; i < kAttempts; ++i) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
    if (errno != EWOULDBLOCK && errno != EINTR) return error_from_errno(errno, "flock");
    const timespec pause{0, 500'000};
    static_cast<void>(nanosleep(&pause, nullptr));
  }
  return false;
}

bool writer_lock_held(int fd) noexcept {
  if (flock(fd, LOCK_SH | LOCK_NB) != 0) return errno == EWOULDBLOCK;
  static_cast<void>(flock(fd, LOCK_UN));
  return false;
}

// There is one lock only: for the instant until the segment's state is set, readers take whoever takes over for its
// writer.
Result<bool> try_takeover_lock(int fd) { return try_writer_lock(fd); }

uint64_t process_start_ns(uint32_t pid) {
  int name[4] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, static_cast<int>(pid)};
  kinfo_proc info{};
  size_t bytes = sizeof info;
  if (sysctl(name, 4, &info, &bytes, nullptr, 0) != 0 || bytes != sizeof info) return 0;
  const timeval start = info.kp_proc.p_starttime;
  return static_cast<uint64_t>(start.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(start.tv_usec) * 1'000;
}

}  // namespace tickwire::shm
