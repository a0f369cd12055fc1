// Frames from different places of a ring, put together for one system call. Neighbours stay where they are and become
// one piece; lone small frames are copied, since the kernel takes longer over a piece than a copy takes. One per loop.
#pragma once
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

namespace tickwire::hub {

class Gather {
 public:
  static constexpr size_t kMaxFrames = 2048;
  static constexpr size_t kMaxPieces = 64;
  static constexpr size_t kScratch = 64 * 1024;
  static constexpr size_t kCopyUpTo = 512;
  static constexpr size_t kMaxBytes = 256 * 1024;  // a longer frame goes alone

  Gather() : scratch_(std::make_unique_for_overwrite<uint8_t[]>(kScratch)) {}

  void clear() noexcept { frames_ = pieces_ = used_ = bytes_ = 0; }
  [[nodiscard]] bool empty() const noexcept { return frames_ == 0; }
  [[nodiscard]] size_t bytes() const noexcept { return bytes_; }
  // False when it does not fit any more; `tag` is the caller's.
  [[nodiscard]] bool add(std::span<const uint8_t> frame, uint64_t tag) noexcept {
    if (full_for(frame.size())) return false;
    iovec* const last = pieces_ == 0 ? nullptr : &piece_[pieces_ - 1];
    if (last != nullptr && end_of(*last) == frame.data()) {
      last->iov_len += frame.size();
    } else if (frame.size() <= kCopyUpTo && used_ + frame.size() <= kScratch) {
      uint8_t* const to = scratch_.get() + used_;
      std::memcpy(to, frame.data(), frame.size());
      return copied(to, frame.size(), tag);
    } else {
      if (pieces_ == kMaxPieces) return false;
      piece_[pieces_++] = {const_cast<uint8_t*>(frame.data()), frame.size()};  // only read
    }
    return finish(frame.size(), tag);
  }
  // A copy that the caller may change before it is sent; null when it does not fit.
  [[nodiscard]] uint8_t* add_copy(std::span<const uint8_t> frame, uint64_t tag) noexcept {
    if (full_for(frame.size()) || used_ + frame.size() > kScratch) return nullptr;
    uint8_t* const to = scratch_.get() + used_;
    std::memcpy(to, frame.data(), frame.size());
    return copied(to, frame.size(), tag) ? to : nullptr;
  }

  [[nodiscard]] std::span<const iovec> pieces() const noexcept { return {piece_.data(), pieces_}; }
  [[nodiscard]] std::span<const uint32_t> ends() const noexcept { return {ends_.data(), frames_}; }
  [[nodiscard]] size_t frames() const noexcept { return frames_; }
  [[nodiscard]] uint64_t tag(size_t frame) const noexcept { return tags_[frame]; }

 private:
  [[nodiscard]] bool full_for(size_t size) const noexcept {
    return frames_ == kMaxFrames || (frames_ != 0 && bytes_ + size > kMaxBytes);
  }
  [[nodiscard]] static const uint8_t* end_of(const iovec& piece) noexcept {
    return static_cast<const uint8_t*>(piece.iov_base) + piece.iov_len;
  }
  bool copied(uint8_t* to, size_t size, uint64_t tag) noexcept {
    iovec* const last = pieces_ == 0 ? nullptr : &piece_[pieces_ - 1];
    if (last != nullptr && end_of(*last) == to) {
      last->iov_len += size;
    } else {
      if (pieces_ == kMaxPieces) return false;
      piece_[pieces_++] = {to, size};
    }
    used_ += size;
    return finish(size, tag);
  }
  bool finish(size_t size, uint64_t tag) noexcept {
    bytes_ += size;
    ends_[frames_] = static_cast<uint32_t>(bytes_);
    tags_[frames_++] = tag;
    return true;
  }

  std::unique_ptr<uint8_t[]> scratch_;
  size_t used_ = 0;
  size_t frames_ = 0;
  size_t pieces_ = 0;
  size_t bytes_ = 0;
  std::array<iovec, kMaxPieces> piece_;
  std::array<uint32_t, kMaxFrames> ends_;
  std::array<uint64_t, kMaxFrames> tags_;
};

}  // namespace tickwire::hub
