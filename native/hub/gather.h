// Frames from different places of a ring, put together for one system call. Neighbours stay where they are and become
// one piece; small pieces are copied together as soon as another follows, since the kernel takes longer over a piece
// than a copy takes.
#pragma once
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

namespace tickwire::hub {

class Gather {
 public:
  static constexpr size_t kMaxFrames = 2048;
  static constexpr size_t kMaxPieces = 64;
  static constexpr size_t kScratch = 64 * 1024;
  static constexpr size_t kCopyUpTo = 512;         // bytes of a piece
  static constexpr size_t kMaxBytes = 256 * 1024;  // a longer frame goes alone

  Gather() : scratch_(std::make_unique_for_overwrite<uint8_t[]>(kScratch)) {}

  void clear() noexcept {
    frames_ = pieces_ = used_ = bytes_ = 0;
    in_place_ = false;
  }
  [[nodiscard]] bool empty() const noexcept { return frames_ == 0; }
  [[nodiscard]] size_t bytes() const noexcept { return bytes_; }
  // False when it does not fit any more; `tag` is the caller's.
  [[nodiscard]] bool add(std::span<const uint8_t> frame, uint64_t tag) noexcept {
    if (full_for(frame.size())) return false;
    if (in_place_ && end_of(piece_[pieces_ - 1]) == frame.data()) {
      piece_[pieces_ - 1].iov_len += frame.size();
    } else {
      settle();
      if (pieces_ == kMaxPieces) return false;
      piece_[pieces_++] = {const_cast<uint8_t*>(frame.data()), frame.size()};  // only read
      in_place_ = true;
    }
    return finish(frame.size(), tag);
  }
  // A copy that the caller may change before it is sent; null when it does not fit.
  [[nodiscard]] uint8_t* add_copy(std::span<const uint8_t> frame, uint64_t tag) noexcept {
    if (full_for(frame.size()) || used_ + frame.size() > kScratch) return nullptr;
    settle();
    // Settling may have used some.
    if (used_ + frame.size() > kScratch) return nullptr;
    uint8_t* const to = scratch_.get() + used_;
    if (!extends_last(to)) {
      if (pieces_ == kMaxPieces) return nullptr;
      piece_[pieces_++] = {to, 0};
    }
    std::memcpy(to, frame.data(), frame.size());
    piece_[pieces_ - 1].iov_len += frame.size();
    used_ += frame.size();
    static_cast<void>(finish(frame.size(), tag));
    return to;
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
  [[nodiscard]] bool extends_last(const uint8_t* to) const noexcept {
    return pieces_ != 0 && end_of(piece_[pieces_ - 1]) == to;
  }
  // The last piece gets no more neighbours: a small one joins the copies in front of it.
  void settle() noexcept {
    if (!std::exchange(in_place_, false)) return;
    const iovec last = piece_[pieces_ - 1];
    if (last.iov_len > kCopyUpTo || used_ + last.iov_len > kScratch) return;
    uint8_t* const to = scratch_.get() + used_;
    std::memcpy(to, last.iov_base, last.iov_len);
    used_ += last.iov_len;
    --pieces_;
    if (extends_last(to)) {
      piece_[pieces_ - 1].iov_len += last.iov_len;
    } else {
      piece_[pieces_++] = {to, last.iov_len};
    }
  }
  bool finish(size_t size, uint64_t tag) noexcept {
    bytes_ += size;
    ends_[frames_] = static_cast<uint32_t>(bytes_);
    tags_[frames_++] = tag;
    return true;
  }

  std::unique_ptr<uint8_t[]> scratch_;
  bool in_place_ = false;  // the last piece lies in a ring, and may still grow
  size_t used_ = 0;
  size_t frames_ = 0;
  size_t pieces_ = 0;
  size_t bytes_ = 0;
  std::array<iovec, kMaxPieces> piece_;
  std::array<uint32_t, kMaxFrames> ends_;
  std::array<uint64_t, kMaxFrames> tags_;
};

}  // namespace tickwire::hub
