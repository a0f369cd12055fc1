#include "shm/segment_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/clock.h"
#include "shm/platform.h"

namespace tickwire::shm {
namespace {

constexpr int64_t kUnfinishedAfterNs = 10'000'000'000;

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { static_cast<void>(closedir(directory)); }
};

}  // namespace

bool valid_name(std::string_view name) noexcept {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return !name.empty() && name.size() <= kMaxName && name.front() != '.' &&
         name.find_first_not_of(kAllowed) == std::string_view::npos;
}

uint32_t owner_of(const Place& place) noexcept {
  return place.owner == kMe ? geteuid() : static_cast<uint32_t>(place.owner);
}

Result<std::string> directory_of(const std::string& directory) {
  if (directory.empty()) return default_directory();
  if (directory.front() != '/') return Error{Errc::kShmName, 0, "the directory of segments must be an absolute path"};
  return directory;
}

std::string file_prefix(uint32_t owner) { return "tickwire." + std::to_string(owner) + "."; }
std::string unfinished_prefix(uint32_t owner) { return "tickwire-new." + std::to_string(owner) + "."; }

Result<std::string> path_of(const Place& place) {
  if (!valid_name(place.name)) {
    return Error{Errc::kShmName, 0, "a name is 1 to 64 of A-Z a-z 0-9 . _ - and does not start with a dot"};
  }
  if (place.owner < kMe || place.owner > UINT32_MAX) return Error{Errc::kShmOwner, 0, "there is no such user id"};
  Result<std::string> directory = directory_of(place.directory);
  if (!directory.ok()) return directory.error();
  return directory.value() + "/" + file_prefix(owner_of(place)) + place.name;
}

Error file_error(int err, const char* what) {
  Error error = error_from_errno(err, what);
  if (err == ENOENT || err == ENOTDIR) error.code = Errc::kShmNotFound;
  if (err == EACCES || err == EPERM || err == EROFS) error.code = Errc::kShmPermission;
  if (err == ENOSPC || err == EDQUOT) error.code = Errc::kShmNoSpace;
  if (err == ELOOP || err == EMLINK || err == ENXIO) error.code = Errc::kShmLayout;
  return error;
}

Result<Descriptor> open_file(const std::string& path, int flags, uint32_t owner) {
  Descriptor file(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) return file_error(errno, "open");
  struct stat status {};
  if (fstat(file.get(), &status) != 0) return file_error(errno, "fstat");
  if (!S_ISREG(status.st_mode)) return Error{Errc::kShmLayout, 0, "this is not a regular file"};
  if (status.st_uid != owner) {
    return Error{Errc::kShmOwner, static_cast<int32_t>(status.st_uid), "the segment belongs to another user"};
  }
  return file;
}

Result<Identity> read_identity(int fd) {
  Identity identity{};
  ssize_t n = 0;
  do {
    n = pread(fd, &identity, sizeof identity, 0);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return file_error(errno, "pread");
  if (static_cast<size_t>(n) != sizeof identity) return Error{Errc::kShmLayout, 0, "the segment is cut off"};
  return identity;
}

Result<uint64_t> file_bytes(int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return file_error(errno, "fstat");
  return static_cast<uint64_t>(status.st_size);
}

bool leads_to(const std::string& path, int fd) noexcept {
  struct stat by_name {};
  struct stat by_fd {};
  return lstat(path.c_str(), &by_name) == 0 && fstat(fd, &by_fd) == 0 && by_name.st_dev == by_fd.st_dev &&
         by_name.st_ino == by_fd.st_ino;
}

Result<std::vector<std::string>> names_with(const std::string& directory, std::string_view prefix) {
  const std::unique_ptr<DIR, CloseDirectory> stream(opendir(directory.c_str()));
  if (stream == nullptr) return file_error(errno, "opendir");
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* const entry = readdir(stream.get());
    if (entry == nullptr) {
      if (errno != 0) return file_error(errno, "readdir");
      break;
    }
    const std::string_view name(entry->d_name);
    if (name.size() > prefix.size() && name.substr(0, prefix.size()) == prefix) {
      names.emplace_back(name.substr(prefix.size()));
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

void remove_unfinished(const std::string& directory, uint32_t owner, std::string_view name) noexcept {
  const Result<std::vector<std::string>> names = names_with(directory, unfinished_prefix(owner));
  if (!names.ok()) return;  // what cannot be listed is nobody's business here
  const std::string base = directory + "/" + unfinished_prefix(owner);
  for (const std::string& rest : names.value()) {
    const size_t dot = rest.find('.');
    if (dot == std::string::npos || (!name.empty() && std::string_view(rest).substr(dot + 1) != name)) continue;
    const std::string path = base + rest;
    const Result<Descriptor> file = open_file(path, O_RDWR, owner);
    if (!file.ok()) continue;
    struct stat status {};
    if (fstat(file.value().get(), &status) != 0) continue;
    const int64_t age = realtime_ns() - int64_t{status.st_mtime} * 1'000'000'000;
    if (age < kUnfinishedAfterNs || writer_lock_held(file.value().get())) continue;
    static_cast<void>(unlink(path.c_str()));  // if not now, then by the next one
  }
}

}  // namespace tickwire::shm
