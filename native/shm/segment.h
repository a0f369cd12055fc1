// The file behind a ring: found by name, made so that nobody ever sees half of one, owned by one writer at a time.
//
// A writer never goes on in a segment that it finds. It makes a new one, puts it in the place of the stale one in a
// single step and tells readers of the old one by its state; they read to the end of what is there and follow. So
// whatever a dead or hostile process left behind cannot reach a new ring, and a stopped writer that comes to life again
// writes where nobody looks.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "shm/descriptor.h"
#include "shm/layout.h"

namespace tickwire::shm {

inline constexpr size_t kMaxName = 64;
inline constexpr int64_t kMe = -1;

// Where a segment is. The file is DIRECTORY/tickwire.UID.NAME.
struct Place {
  std::string name;            // 1…64 of A–Z a–z 0–9 . _ -, the first no dot
  std::string directory = {};  // empty: default_directory()
  int64_t owner = kMe;         // user id that it must belong to; kMe: the effective user
};

struct CreateOptions {
  uint64_t capacity = uint64_t{16} << 20;       // bytes of the ring; rounded up to a power of two, 64 KiB…1 GiB
  uint64_t table_capacity = uint64_t{1} << 16;  // bytes of the table, at most 64 MiB
  uint32_t mode = 0600;                         // permissions; whatever the umask is. At least 0600, no execution
  uint64_t first_position = 0;                  // where counting starts: tests of what happens at 2^32
};

class Segment {
 public:
  // Makes the segment and takes the name, from a stale one if there is one. Fails with kShmName, kShmSize,
  // kShmPermission, with kShmOwner when somebody else has the name, with kShmWriterActive while another writer has it,
  // kShmNoSpace, kTooManyFiles, kNoMemory or kSystem.
  [[nodiscard]] static Result<Segment> create(const Place& place, const CreateOptions& options);

  // Fails with kShmName, kShmNotFound, kShmOwner, kShmPermission, with kShmLayout or kShmVersion when what lies there
  // is no segment that can be read, kTooManyFiles, kNoMemory or kSystem.
  [[nodiscard]] static Result<Segment> open(const Place& place);

  [[nodiscard]] uint8_t* memory() const noexcept { return memory_.data(); }  // a reader's: not to be written
  [[nodiscard]] size_t bytes() const noexcept { return memory_.bytes(); }
  // Null for a reader that may only read the file.
  [[nodiscard]] Park* park() const noexcept { return park_; }
  [[nodiscard]] const Geometry& geometry() const noexcept { return geometry_; }
  // As it was checked when the segment was opened.
  [[nodiscard]] const Identity& identity() const noexcept { return identity_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  [[nodiscard]] SegmentState state() const noexcept {
    return static_cast<SegmentState>(header_of(memory_.data()).state.load(std::memory_order_acquire));
  }
  // For readers: whether a process that has it open as its writer lives. One system call.
  [[nodiscard]] bool writer_alive() const noexcept;
  // Whether the name still leads here.
  [[nodiscard]] bool current() const noexcept;
  // For the writer: says that no more will come and takes the name away. The memory stays for those who have it.
  void close_writing() noexcept;
  // For a reader: gives the descriptor back. The memory stays; the writer cannot be asked about any more.
  void close_reading() noexcept;

 private:
  Segment() = default;
  [[nodiscard]] Result<void> map(bool writable);

  Descriptor file_;
  Mapping memory_;
  Mapping park_mapping_;
  Park* park_ = nullptr;
  Geometry geometry_;
  Identity identity_{};
  std::string path_;
};

struct Listed {
  std::string name;
  uint64_t bytes = 0;
  bool valid = false;  // whether the header is that of a segment; what follows is 0 otherwise
  bool alive = false;  // whether a writer has it
  uint32_t writer_pid = 0;
  uint64_t writer_start_ns = 0;
  uint64_t epoch = 0;
  uint64_t capacity = 0;
  uint64_t created_ns = 0;
};

// The segments of one user, by name.
[[nodiscard]] Result<std::vector<Listed>> list_segments(const std::string& directory, int64_t owner);

// Removes segments of the effective user that no writer has, or only the one of that name, and what writers that died
// while making one left behind. Returns the names. Readers that still have one keep its memory.
[[nodiscard]] Result<std::vector<std::string>> unlink_stale(const std::string& directory, std::string_view name);

}  // namespace tickwire::shm
