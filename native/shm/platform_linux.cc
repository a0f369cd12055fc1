#include "shm/platform.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

#include "shm/descriptor.h"

namespace tickwire::shm {
namespace {

// Two locks on two bytes, so that nobody who takes a stale segment over is taken for its writer meanwhile.
constexpr off_t kWriterByte = 0;
constexpr off_t kTakeoverByte = 1;

struct flock lock_of(off_t byte) noexcept {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return lock;
}

// F_OFD_*: per open file description, as flock() is, but can be asked about without being taken.
Result<bool> try_lock(int fd, off_t byte) {
  struct flock lock = lock_of(byte);
  if (fcntl(fd, F_OFD_SETLK, &lock) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  return error_from_errno(errno, "F_OFD_SETLK");
}

}  // namespace

Result<std::string> default_directory() { return std::string("/dev/shm"); }

Result<void> reserve_space(int fd, uint64_t bytes) {
  int err = 0;
  do {
    err = posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  } while (err == EINTR);
  if (err == 0) return {};
  Error error = error_from_errno(err, "posix_fallocate");
  if (err == ENOSPC || err == EDQUOT || err == EFBIG) error.code = Errc::kShmNoSpace;
  return error;
}

int populate_flag() noexcept { return MAP_POPULATE; }

Result<bool> try_writer_lock(int fd) { return try_lock(fd, kWriterByte); }

bool writer_lock_held(int fd) noexcept {
  struct flock lock = lock_of(kWriterByte);
  // Fails for no descriptor that a segment can have; then nobody is known to hold it.
  return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

Result<bool> try_takeover_lock(int fd) {
  Result<bool> locked = try_lock(fd, kTakeoverByte);
  // A writer takes its lock before the file has a name: a stale file gets none any more.
  if (locked.ok() && locked.value() && writer_lock_held(fd)) return false;
  return locked;
}

uint64_t process_start_ns(uint32_t pid) {
  constexpr int kStartTimeField = 22;  // proc_pid_stat(5)
  constexpr uint64_t kNsPerSecond = 1'000'000'000;
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return 0;
  std::array<char, 1024> text{};
  const ssize_t n = ::read(file.get(), text.data(), text.size());
  if (n <= 0) return 0;
  std::string_view rest(text.data(), static_cast<size_t>(n));
  // The second field is the program's name in parentheses, which may hold blanks and parentheses itself.
  const size_t name_end = rest.rfind(')');
  if (name_end == std::string_view::npos) return 0;
  rest.remove_prefix(name_end + 1);
  for (int field = 3; field <= kStartTimeField; ++field) {
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    if (field < kStartTimeField) rest.remove_prefix(std::min(rest.find(' '), rest.size()));
  }
  uint64_t ticks = 0;
  if (std::from_chars(rest.data(), rest.data() + rest.size(), ticks).ec != std::errc{}) return 0;
  const long per_second = sysconf(_SC_CLK_TCK);
  return per_second > 0 ? ticks * (kNsPerSecond / static_cast<uint64_t>(per_second)) : 0;
}

}  // namespace tickwire::shm
