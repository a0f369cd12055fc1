// Names, opening and checking of the files in which segments lie; shared by the parts of segment.h.
#pragma once
#include <sys/stat.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "shm/descriptor.h"
#include "shm/layout.h"
#include "shm/segment.h"

namespace tickwire::shm {

[[nodiscard]] bool valid_name(std::string_view name) noexcept;
[[nodiscard]] uint32_t owner_of(const Place& place) noexcept;
[[nodiscard]] Result<std::string> directory_of(const std::string& directory);
[[nodiscard]] std::string file_prefix(uint32_t owner);
// What a segment is called before it has its name: PREFIX PID-RANDOM.NAME.
[[nodiscard]] std::string unfinished_prefix(uint32_t owner);
[[nodiscard]] Result<std::string> path_of(const Place& place);

// As error_from_errno(), with the codes of this layer for what a user can do something about.
[[nodiscard]] Error file_error(int err, const char* what);

// Opens without following links or waiting for anybody. Fails with kShmNotFound, kShmPermission, kShmLayout when it is
// not a regular file, kShmOwner.
[[nodiscard]] Result<Descriptor> open_file(const std::string& path, int flags, uint32_t owner);

[[nodiscard]] Result<Identity> read_identity(int fd);
[[nodiscard]] Result<uint64_t> file_bytes(int fd);
// Whether `path` leads to the file of `fd`.
[[nodiscard]] bool leads_to(const std::string& path, int fd) noexcept;
// Names in a directory that start with `prefix`, without it.
[[nodiscard]] Result<std::vector<std::string>> names_with(const std::string& directory, std::string_view prefix);

// Removes what writers that died while they made a segment left behind: unlocked, and older than making one takes.
void remove_unfinished(const std::string& directory, uint32_t owner, std::string_view name) noexcept;

}  // namespace tickwire::shm
