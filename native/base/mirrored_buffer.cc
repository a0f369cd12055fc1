#include "base/mirrored_buffer.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

namespace tickwire {
namespace {

size_t page_size() noexcept {
  static const size_t bytes = [] {
    const long n = sysconf(_SC_PAGESIZE);
    return n > 0 ? static_cast<size_t>(n) : size_t{65536};  // a multiple of every page size in use
  }();
  return bytes;
}

// Pages may be larger than the overrun that is promised, never smaller.
size_t tail_size() noexcept { return std::max(page_size(), MirroredBuffer::kOverread); }

}  // namespace

Result<MirroredBuffer> MirroredBuffer::create(size_t bytes) {
  if (bytes > kMaxBytes) return error_from_errno(EINVAL, "mirrored buffer");
  const size_t capacity = std::bit_ceil(std::max(bytes, tail_size()));
  Result<uint8_t*> base = map(capacity, tail_size());
  if (!base.ok()) return base.error();
  return MirroredBuffer(base.value(), capacity);
}

MirroredBuffer::MirroredBuffer(MirroredBuffer&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)), capacity_(std::exchange(other.capacity_, 0)) {}

MirroredBuffer& MirroredBuffer::operator=(MirroredBuffer&& other) noexcept {
  if (this != &other) {
    if (base_ != nullptr) unmap(base_, capacity_, tail_size());
    base_ = std::exchange(other.base_, nullptr);
    capacity_ = std::exchange(other.capacity_, 0);
  }
  return *this;
}

MirroredBuffer::~MirroredBuffer() {
  if (base_ != nullptr) unmap(base_, capacity_, tail_size());
}

}  // namespace tickwire
