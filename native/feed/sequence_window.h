// Which of the numbers just behind the newest one have come, for one key whose rows arrive over several connections.
// Bounded: a bit for each of the last `size` numbers. Pure, allocates nothing.
#pragma once
#include <algorithm>
#include <cstdint>
#include <limits>

namespace tickwire::feed {

class SequenceWindow {
 public:
  enum class Verdict : uint8_t {
    kNew,   // newer than all before
    kLate,  // one that was missing
    kCopy,  // has come before, or was given up
    kOld,   // too old to tell
  };

  // `bits`: size / 64 words that live as long as the window; size: a power of two, at least 64.
  SequenceWindow(uint64_t* bits, uint32_t size) noexcept : bits_(bits), size_(size) {}

  // Takes note of `number`. With `counted` a number that is passed over is missing from then on; those that fall out of
  // the window without having come are told by tell(first, last), in ascending order, each once.
  template <class Tell>
  Verdict offer(int64_t number, bool counted, Tell&& tell) {
    if (!started_) [[unlikely]] {
      start(number);
      return Verdict::kNew;
    }
    if (number > newest_) [[likely]] {
      advance(static_cast<uint64_t>(number) - static_cast<uint64_t>(newest_), number, counted, tell);
      return Verdict::kNew;
    }
    if (static_cast<uint64_t>(newest_) - static_cast<uint64_t>(number) >= size_) return Verdict::kOld;
    if (test(number)) return Verdict::kCopy;
    set(number);
    // What precedes the first is none that was missed: a snapshot of what was before may bring it.
    if (counted && number >= first_) --missing_;
    return Verdict::kLate;
  }

  // Waits no longer for what is missing up to `last`: tells it, and takes it for a copy should it come after all.
  template <class Tell>
  void give_up(int64_t last, Tell&& tell) {
    if (missing_ == 0) return;
    last = std::min(last, newest_);
    for (int64_t n = oldest(); n <= last && missing_ != 0;) {
      if (test(n)) {
        ++n;
        continue;
      }
      const int64_t from = n;
      while (n <= last && !test(n)) set(n++);
      missing_ -= static_cast<uint64_t>(n - from);
      tell(from, n - 1);
    }
  }

  // Forgets everything: the next number is the first.
  void restart() noexcept {
    started_ = false;
    missing_ = 0;
  }

  [[nodiscard]] bool started() const noexcept { return started_; }
  [[nodiscard]] int64_t newest() const noexcept { return newest_; }
  // Numbers in the window that were passed over and have not come.
  [[nodiscard]] uint64_t missing() const noexcept { return missing_; }

 private:
  void start(int64_t number) noexcept {
    std::fill_n(bits_, size_ / 64, uint64_t{0});
    started_ = true;
    first_ = newest_ = number;
    missing_ = 0;
    set(number);
  }
  // The oldest number that may be missing.
  [[nodiscard]] int64_t oldest() const noexcept {
    const int64_t lowest = newest_ < std::numeric_limits<int64_t>::min() + size_ ? std::numeric_limits<int64_t>::min()
                                                                                 : newest_ - size_ + 1;
    return std::max(first_, lowest);
  }
  template <class Tell>
  void advance(uint64_t by, int64_t number, bool counted, Tell&& tell) {
    if (by == 1 && missing_ == 0) [[likely]] {
      newest_ = number;
      set(number);
      return;
    }
    if (by >= size_) {
      jump(number, counted, tell);
      return;
    }
    // The places of the new numbers are those of numbers that leave.
    int64_t run = 0;
    uint64_t length = 0;
    for (uint64_t i = 1; i <= by; ++i) {
      const int64_t entering = newest_ + static_cast<int64_t>(i);
      const bool can_leave = entering >= std::numeric_limits<int64_t>::min() + int64_t{size_};
      const int64_t leaving = can_leave ? entering - int64_t{size_} : 0;
      if (missing_ != 0 && can_leave && leaving >= first_ && !test(entering)) {
        if (length == 0) run = leaving;
        ++length;
        --missing_;
      } else if (length != 0) {
        tell(run, run + static_cast<int64_t>(length) - 1);
        length = 0;
      }
      clear(entering);
    }
    if (length != 0) tell(run, run + static_cast<int64_t>(length) - 1);
    newest_ = number;
    set(number);
    if (counted) missing_ += by - 1;
  }
  // The whole window leaves.
  template <class Tell>
  [[gnu::cold]] void jump(int64_t number, bool counted, Tell&& tell) {
    if (counted) {
      give_up(newest_, tell);
      const int64_t last = number - int64_t{size_};  // number > newest_ + size_ - 1: no overflow
      if (last > newest_) tell(newest_ + 1, last);
    }
    std::fill_n(bits_, size_ / 64, uint64_t{0});
    missing_ = counted ? size_ - 1 : 0;
    newest_ = number;
    set(number);
  }
  [[nodiscard]] bool test(int64_t n) const noexcept {
    const uint64_t i = static_cast<uint64_t>(n) & (size_ - 1);
    return (bits_[i / 64] >> (i % 64) & 1) != 0;
  }
  void set(int64_t n) noexcept {
    const uint64_t i = static_cast<uint64_t>(n) & (size_ - 1);
    bits_[i / 64] |= uint64_t{1} << (i % 64);
  }
  void clear(int64_t n) noexcept {
    const uint64_t i = static_cast<uint64_t>(n) & (size_ - 1);
    bits_[i / 64] &= ~(uint64_t{1} << (i % 64));
  }

  uint64_t* bits_;
  uint32_t size_;
  bool started_ = false;
  int64_t first_ = 0;
  int64_t newest_ = 0;
  uint64_t missing_ = 0;
};

}  // namespace tickwire::feed
