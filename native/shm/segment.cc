#include "shm/segment.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <optional>

#include "base/clock.h"
#include "base/entropy.h"
#include "shm/parking.h"
#include "shm/platform.h"
#include "shm/segment_file.h"

namespace tickwire::shm {
namespace {

// Somebody else may take or free the name between two steps; then they start over.
constexpr int kNameAttempts = 16;
// Epochs are exact as JavaScript numbers.
constexpr uint64_t kMaxEpoch = (uint64_t{1} << 53) - 1;

// The file of a segment that has no name yet; removed again if it never gets one.
class Unfinished {
 public:
  static Result<Unfinished> create(const std::string& directory, const Place& place);
  Unfinished(Unfinished&& other) noexcept : path_(std::exchange(other.path_, {})), file_(std::move(other.file_)) {}
  Unfinished& operator=(Unfinished&&) = delete;
  ~Unfinished() {
    if (!path_.empty()) static_cast<void>(unlink(path_.c_str()));  // remove_unfinished() is there for the rest
  }
  [[nodiscard]] int fd() const noexcept { return file_.get(); }
  [[nodiscard]] Descriptor take_file() noexcept { return std::move(file_); }
  // In the place of what has that name.
  [[nodiscard]] Result<void> replace(const std::string& target) {
    if (rename(path_.c_str(), target.c_str()) != 0) return file_error(errno, "rename");
    path_.clear();
    return {};
  }
  // False: the name is taken.
  [[nodiscard]] Result<bool> claim(const std::string& target) {
    if (link(path_.c_str(), target.c_str()) == 0) return true;
    if (errno == EEXIST) return false;
    return file_error(errno, "link");
  }

 private:
  Unfinished(std::string path, Descriptor file) : path_(std::move(path)), file_(std::move(file)) {}
  std::string path_;
  Descriptor file_;
};

Result<Unfinished> Unfinished::create(const std::string& directory, const Place& place) {
  std::array<uint8_t, 8> random{};
  const Result<void> filled = fill_random(random);
  if (!filled.ok()) return filled.error();
  std::string path = directory + "/" + unfinished_prefix(geteuid()) + std::to_string(getpid()) + "-";
  constexpr char kDigits[] = "0123456789abcdef";
  for (const uint8_t byte : random) {
    path += kDigits[byte >> 4];
    path += kDigits[byte & 15];
  }
  path += "." + place.name;
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return file_error(errno, "open");
  return Unfinished(std::move(path), std::move(file));
}

// What has the name: nothing, or a stale segment whose lock is ours now.
struct Previous {
  Descriptor file;
  uint64_t epoch = 0;
};

Result<void> set_state(int fd, SegmentState state) noexcept {
  const auto value = static_cast<uint32_t>(state);
  if (pwrite(fd, &value, sizeof value, offsetof(Header, state)) != sizeof value) return file_error(errno, "pwrite");
  return {};
}

// Empty optional: try again.
Result<std::optional<Previous>> lock_previous(const std::string& path) {
  Result<Descriptor> file = open_file(path, O_RDWR, geteuid());
  if (!file.ok()) {
    if (file.error().code == Errc::kShmNotFound) return std::optional<Previous>(Previous{});
    return file.error();
  }
  const int fd = file.value().get();
  const Result<bool> locked = try_takeover_lock(fd);
  if (!locked.ok()) return locked.error();
  if (!locked.value()) return Error{Errc::kShmWriterActive, 0, "another writer has this segment"};
  // The one before us may have put another file in its place before it let go of this one.
  if (!leads_to(path, fd)) return std::optional<Previous>();
  Previous previous{.file = std::move(file.value())};
  const Result<Identity> identity = read_identity(fd);
  if (identity.ok() && identity.value().magic == kMagic) {
    previous.epoch = identity.value().epoch;
    // Readers that this does not reach ask for the writer's lock.
    static_cast<void>(set_state(fd, SegmentState::kRetired).ok());
  }
  return std::optional<Previous>(std::move(previous));
}

uint64_t epoch_after(uint64_t previous) noexcept {
  const auto now = static_cast<uint64_t>(realtime_ns() / 1'000);
  return std::max(now, previous < kMaxEpoch ? previous + 1 : 0);
}

}  // namespace

Result<Segment> Segment::create(const Place& place, const CreateOptions& options) {
  const Result<Geometry> geometry = make_geometry(options.capacity, options.table_capacity);
  if (!geometry.ok()) return geometry.error();
  if ((options.mode & ~uint32_t{0666}) != 0 || (options.mode & 0600) != 0600) {
    return Error{Errc::kShmPermission, 0, "the mode of a segment is at least 0600 and has no other bits than 0666"};
  }
  if (options.first_position % kRecordAlign != 0) return Error{Errc::kShmSize, 0, "positions are multiples of 16"};
  const Place mine{.name = place.name, .directory = place.directory};
  Result<std::string> path = path_of(mine);
  if (!path.ok()) return path.error();
  const Result<std::string> directory = directory_of(place.directory);
  if (!directory.ok()) return directory.error();

  Segment segment;
  segment.path_ = std::move(path.value());
  segment.geometry_ = geometry.value();
  std::optional<Previous> previous;
  std::optional<Unfinished> unfinished;
  for (int attempt = 0; attempt < kNameAttempts; ++attempt) {
    // First, so that a name that cannot be had costs no memory.
    Result<std::optional<Previous>> found = lock_previous(segment.path_);
    if (!found.ok()) return found.error();
    if (!found.value().has_value()) continue;
    previous = std::move(found.value());

    if (!unfinished.has_value()) {
      remove_unfinished(directory.value(), geteuid(), place.name);
      Result<Unfinished> made = Unfinished::create(directory.value(), mine);
      if (!made.ok()) return made.error();
      unfinished.emplace(std::move(made.value()));
      const Result<bool> locked = try_writer_lock(unfinished->fd());
      if (!locked.ok()) return locked.error();
      if (!locked.value()) return Error{Errc::kShmWriterActive, 0, "somebody locked a file that was just made"};
      const Result<void> reserved = reserve_space(unfinished->fd(), geometry.value().segment_bytes());
      if (!reserved.ok()) return reserved.error();
      segment.file_ = unfinished->take_file();
      const Result<void> mapped = segment.map(/*writable=*/true);
      if (!mapped.ok()) return mapped.error();
      format({segment.memory(), segment.bytes()}, geometry.value(),
             {.epoch = epoch_after(previous->epoch),
              .first_position = options.first_position,
              .flags = accept_heavy_fences() ? 0 : kFlagWriterFences,
              .created_ns = static_cast<uint64_t>(realtime_ns()),
              .writer_start_ns = process_start_ns(static_cast<uint32_t>(getpid())),
              .writer_pid = static_cast<uint32_t>(getpid())});
      segment.identity_ = header_of(segment.memory()).identity;
      if (fchmod(segment.file_.get(), options.mode) != 0) return file_error(errno, "fchmod");
    }

    if (previous->file) {
      const Result<void> replaced = unfinished->replace(segment.path_);
      if (!replaced.ok()) return replaced.error();
      return segment;
    }
    const Result<bool> claimed = unfinished->claim(segment.path_);
    if (!claimed.ok()) return claimed.error();
    if (claimed.value()) return segment;
  }
  return Error{Errc::kShmWriterActive, 0, "other writers keep taking this segment"};
}

Result<Segment> Segment::open(const Place& place) {
  Result<std::string> path = path_of(place);
  if (!path.ok()) return path.error();
  bool writable = true;
  Result<Descriptor> file = open_file(path.value(), O_RDWR, owner_of(place));
  if (!file.ok() && file.error().code == Errc::kShmPermission) {
    writable = false;
    file = open_file(path.value(), O_RDONLY, owner_of(place));
  }
  if (!file.ok()) return file.error();
  Segment segment;
  segment.path_ = std::move(path.value());
  segment.file_ = std::move(file.value());
  const Result<Identity> identity = read_identity(segment.file_.get());
  if (!identity.ok()) return identity.error();
  const Result<uint64_t> bytes = file_bytes(segment.file_.get());
  if (!bytes.ok()) return bytes.error();
  const Result<Geometry> geometry = check_identity(identity.value(), bytes.value());
  if (!geometry.ok()) return geometry.error();
  segment.identity_ = identity.value();
  segment.geometry_ = geometry.value();
  const Result<void> mapped = segment.map(/*writable=*/false);
  if (!mapped.ok()) return mapped.error();
  if (writable) {
    void* const park =
        mmap(nullptr, sizeof(Park), PROT_READ | PROT_WRITE, MAP_SHARED, segment.file_.get(), kParkOffset);
    if (park == MAP_FAILED) return file_error(errno, "mmap");
    segment.park_mapping_ = Mapping(static_cast<uint8_t*>(park), sizeof(Park));
    segment.park_ = static_cast<Park*>(park);
  }
  return segment;
}

Result<void> Segment::map(bool writable) {
  const size_t bytes = geometry_.segment_bytes();
  const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  void* const at = mmap(nullptr, bytes, protection, MAP_SHARED | populate_flag(), file_.get(), 0);
  if (at == MAP_FAILED) return file_error(errno, "mmap");
  memory_ = Mapping(static_cast<uint8_t*>(at), bytes);
  if (writable) park_ = reinterpret_cast<Park*>(memory_.data() + kParkOffset);
  return {};
}

bool Segment::writer_alive() const noexcept { return state() == SegmentState::kLive && writer_lock_held(file_.get()); }

bool Segment::current() const noexcept { return leads_to(path_, file_.get()); }

void Segment::close_writing() noexcept {
  if (!file_) return;
  // Only while we hold the lock can the name be ours, and nobody else removes it then.
  if (current()) static_cast<void>(unlink(path_.c_str()));
  header_of(memory_.data()).state.store(static_cast<uint32_t>(SegmentState::kClosed), std::memory_order_release);
  wake_readers(*park_);
  file_.reset();
}

void Segment::close_reading() noexcept {
  park_ = nullptr;
  park_mapping_.reset();
  file_.reset();
}

Result<std::vector<Listed>> list_segments(const std::string& directory, int64_t owner) {
  const Place place{.name = "-", .owner = owner};
  const Result<std::string> where = directory_of(directory);
  if (!where.ok()) return where.error();
  const std::string prefix = file_prefix(owner_of(place));
  const std::string base = where.value() + "/" + prefix;
  const Result<std::vector<std::string>> names = names_with(where.value(), prefix);
  if (!names.ok()) return names.error();
  std::vector<Listed> listed;
  for (const std::string& name : names.value()) {
    const Result<Descriptor> file = open_file(base + name, O_RDONLY, owner_of(place));
    if (!file.ok()) continue;  // gone, not ours to read, or no file
    const int fd = file.value().get();
    const Result<uint64_t> bytes = file_bytes(fd);
    const Result<Identity> identity = read_identity(fd);
    Listed one{.name = name, .bytes = bytes.ok() ? bytes.value() : 0, .alive = writer_lock_held(fd)};
    one.valid = bytes.ok() && identity.ok() && check_identity(identity.value(), bytes.value()).ok();
    if (one.valid) {
      const Identity& found = identity.value();
      one.writer_pid = found.writer_pid;
      one.writer_start_ns = found.writer_start_ns;
      one.epoch = found.epoch;
      one.capacity = found.capacity;
      one.created_ns = found.created_ns;
    }
    listed.push_back(std::move(one));
  }
  return listed;
}

Result<std::vector<std::string>> unlink_stale(const std::string& directory, std::string_view only) {
  if (!only.empty() && !valid_name(only)) return Error{Errc::kShmName, 0, "there is no such name"};
  const Result<std::string> where = directory_of(directory);
  if (!where.ok()) return where.error();
  const std::string prefix = file_prefix(geteuid());
  const std::string base = where.value() + "/" + prefix;
  const Result<std::vector<std::string>> names = names_with(where.value(), prefix);
  if (!names.ok()) return names.error();
  remove_unfinished(where.value(), geteuid(), only);
  std::vector<std::string> removed;
  for (const std::string& name : names.value()) {
    if (!only.empty() && name != only) continue;
    const std::string path = base + name;
    const Result<Descriptor> file = open_file(path, O_RDWR, geteuid());
    if (!file.ok()) continue;
    const Result<bool> locked = try_takeover_lock(file.value().get());
    if (!locked.ok() || !locked.value() || !leads_to(path, file.value().get())) continue;
    if (unlink(path.c_str()) == 0) removed.push_back(name);
  }
  return removed;
}

}  // namespace tickwire::shm
