// Everything that goes over a feed's connections, copied as it is into memory from which JS takes it: a ring with one
// writer, the loop's thread, and one reader. A full ring loses what comes, and counts it; nobody waits. Layout:
// TapLayout in lib/native/addon.ts.
#pragma once
#include <cstdint>
#include <span>

namespace tickwire::feed {

class Tap {
 public:
  enum class Kind : uint8_t { kOpen, kClose, kReceived, kSent, kPad = 0xff };

  static constexpr uint32_t kHeadOffset = 0;
  static constexpr uint32_t kTailOffset = 64;
  static constexpr uint32_t kLostOffset = 128;
  static constexpr uint32_t kDataOffset = 192;
  static constexpr uint32_t kRecordHeaderBytes = 24;

  // Whether memory of so many bytes can be one: a power of two behind the header, of at most 2^30.
  [[nodiscard]] static bool fits(size_t bytes) noexcept;

  // `memory` is zeroed and stays valid as long as this does.
  explicit Tap(std::span<uint8_t> memory) noexcept
      : base_(memory.data()), capacity_(static_cast<uint32_t>(memory.size()) - kDataOffset) {}

  // `code` is the close code.
  void write(Kind kind, bool binary, uint16_t code, std::span<const uint8_t> bytes, int64_t time_ns) noexcept;

 private:
  [[nodiscard]] uint8_t* at(uint32_t position) noexcept { return base_ + kDataOffset + (position & (capacity_ - 1)); }

  uint8_t* base_;
  uint32_t capacity_;
  uint32_t head_ = 0;  // position behind the last record; positions are byte counts modulo 2^32
  uint32_t tail_ = 0;  // what is known of the reader's
};

}  // namespace tickwire::feed
