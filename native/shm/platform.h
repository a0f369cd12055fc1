// What differs between systems: where segments lie, how their space is reserved, the lock that dies with the writer's
// process. One implementation per platform.
#pragma once
#include <cstdint>
#include <string>

#include "base/error.h"

namespace tickwire::shm {

// Linux: /dev/shm. macOS, which neither lists nor locks the objects of shm_open: the user's own temporary directory.
[[nodiscard]] Result<std::string> default_directory();

// Makes the empty file `bytes` long, all of it backed by memory or disk space now: a page that cannot be had later
// would be a SIGBUS. Fails with kShmNoSpace.
[[nodiscard]] Result<void> reserve_space(int fd, uint64_t bytes);

// Flags for mmap() that make the pages present at once, where there are any.
[[nodiscard]] int populate_flag() noexcept;

// Locks on a segment's file belong to the open file description and are gone with its last descriptor, however the
// process ends.

// For the writer, before the file has its name. False: another description has the lock.
[[nodiscard]] Result<bool> try_writer_lock(int fd);

// Whether a description other than `fd`'s has the writer's lock.
[[nodiscard]] bool writer_lock_held(int fd) noexcept;

// For whoever wants to take a name from a stale segment. False: its writer lives, or somebody else is at it.
[[nodiscard]] Result<bool> try_takeover_lock(int fd);

// When a process was started, in nanoseconds on a clock that is the same for all processes of this system; 0 when it
// cannot be told. A pid together with this names a process for good.
[[nodiscard]] uint64_t process_start_ns(uint32_t pid);

}  // namespace tickwire::shm
