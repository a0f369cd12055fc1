#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/mirrored_buffer.h"

namespace tickwire {
namespace {

class Fd {
 public:
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    // The mappings keep the memory; an error here could only be EINTR or EBADF, and neither can be acted upon.
    if (fd_ >= 0) static_cast<void>(::close(fd_));
  }
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

bool map_at(uint8_t* where, size_t bytes, int fd) noexcept {
  return mmap(where, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED;
}

}  // namespace

Result<uint8_t*> MirroredBuffer::map(size_t capacity, size_t tail) {
  // Through syscall(), as glibc before 2.27 has no wrapper.
  const Fd memory(static_cast<int>(syscall(SYS_memfd_create, "tickwire", MFD_CLOEXEC)));
  if (memory.get() < 0) return error_from_errno(errno, "memfd_create");
  if (ftruncate(memory.get(), static_cast<off_t>(capacity)) != 0) return error_from_errno(errno, "ftruncate");

  const size_t total = 2 * capacity + tail;
  // Reserve the whole range first, so that fixed mappings can only replace what is ours.
  void* const reserved = mmap(nullptr, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) return error_from_errno(errno, "mmap");
  auto* const base = static_cast<uint8_t*>(reserved);
  if (!map_at(base, capacity, memory.get()) || !map_at(base + capacity, capacity, memory.get()) ||
      !map_at(base + 2 * capacity, tail, memory.get())) {
    const int err = errno;
    unmap(base, capacity, tail);
    return error_from_errno(err, "mmap");
  }
  return base;
}

void MirroredBuffer::unmap(uint8_t* base, size_t capacity, size_t tail) noexcept {
  // Fails only for an address that is not page-aligned, which `base` is by construction.
  static_cast<void>(munmap(base, 2 * capacity + tail));
}

}  // namespace tickwire
