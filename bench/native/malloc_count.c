/*
 * Counts the allocations of every thread of a process, for `bench/feed-alloc.ts`. Preloaded; the counters live in the file
 * named by TICKWIRE_MALLOC_COUNT, which the process (or anybody) reads at any time:
 *   64 slots of { u64 thread id, u64 allocations, u64 bytes, u64 frees }
 * Threads beyond the last slot share it. Linux with glibc.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);
extern void __libc_free(void*);

enum { kSlots = 64 };

struct slot {
  _Atomic uint64_t thread;
  _Atomic uint64_t allocations;
  _Atomic uint64_t bytes;
  _Atomic uint64_t frees;
};

static struct slot spare[kSlots];
static struct slot* slots = spare;
static _Atomic unsigned used;
/* initial-exec: the dynamic form of thread-local storage would allocate by itself. */
static __thread struct slot* mine __attribute__((tls_model("initial-exec")));

__attribute__((constructor)) static void open_counters(void) {
  const char* path = getenv("TICKWIRE_MALLOC_COUNT");
  if (path == NULL) return;
  const int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void* map = mmap(NULL, sizeof spare, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (close(fd) == 0 && map != MAP_FAILED) slots = map;
  /* What came before was counted in the spare slots; threads take their place anew. */
  mine = NULL;
  atomic_store(&used, 0);
}

static struct slot* slot_of_thread(void) {
  if (mine == NULL) {
    unsigned index = atomic_fetch_add(&used, 1);
    if (index >= kSlots) index = kSlots - 1;
    mine = &slots[index];
    atomic_store_explicit(&mine->thread, (uint64_t)syscall(SYS_gettid), memory_order_relaxed);
  }
  return mine;
}

static void count(size_t size) {
  struct slot* slot = slot_of_thread();
  atomic_fetch_add_explicit(&slot->allocations, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&slot->bytes, size, memory_order_relaxed);
}

void* malloc(size_t size) {
  count(size);
  return __libc_malloc(size);
}

void* calloc(size_t number, size_t size) {
  count(number * size);
  return __libc_calloc(number, size);
}

void* realloc(void* block, size_t size) {
  count(size);
  return __libc_realloc(block, size);
}

void* memalign(size_t alignment, size_t size) {
  count(size);
  return __libc_memalign(alignment, size);
}

void* aligned_alloc(size_t alignment, size_t size) {
  count(size);
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** block, size_t alignment, size_t size) {
  count(size);
  void* made = __libc_memalign(alignment, size);
  if (made == NULL) return ENOMEM;
  *block = made;
  return 0;
}

void free(void* block) {
  if (block != NULL) atomic_fetch_add_explicit(&slot_of_thread()->frees, 1, memory_order_relaxed);
  __libc_free(block);
}
