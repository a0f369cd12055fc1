/*
 * Stamps the moment at which a request is given to the kernel, for `bench/rest-latency.ts`. Preloaded; the stamp lies in the file named by
 * TICKWIRE_WIRE_STAMP: { u64 requests, u64 nanoseconds on the monotonic clock when the write of the last one began }. A request is a write
 * that begins with "POST ". Linux with glibc.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct stamp {
  _Atomic uint64_t requests;
  _Atomic uint64_t ns;
};

static struct stamp spare;
static struct stamp* stamp = &spare;

__attribute__((constructor)) static void open_stamp(void) {
  const char* path = getenv("TICKWIRE_WIRE_STAMP");
  if (path == NULL) return;
  const int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void* memory = mmap(NULL, sizeof(struct stamp), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (memory != MAP_FAILED) stamp = memory;
}

static void look(const void* data, size_t size) {
  if (size < 5 || memcmp(data, "POST ", 5) != 0) return;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  atomic_store(&stamp->ns, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
  atomic_fetch_add(&stamp->requests, 1);
}

static void look_at(const struct iovec* parts, size_t count) {
  if (count > 0) look(parts[0].iov_base, parts[0].iov_len);
}

#define NEXT(name) \
  static __typeof__(name)* next; \
  if (next == NULL) next = (__typeof__(name)*)dlsym(RTLD_NEXT, #name)

ssize_t write(int file, const void* data, size_t size) {
  NEXT(write);
  look(data, size);
  return next(file, data, size);
}

ssize_t writev(int file, const struct iovec* parts, int count) {
  NEXT(writev);
  look_at(parts, count < 0 ? 0 : (size_t)count);
  return next(file, parts, count);
}

ssize_t send(int file, const void* data, size_t size, int flags) {
  NEXT(send);
  look(data, size);
  return next(file, data, size, flags);
}

ssize_t sendmsg(int file, const struct msghdr* message, int flags) {
  NEXT(sendmsg);
  look_at(message->msg_iov, message->msg_iovlen);
  return next(file, message, flags);
}
