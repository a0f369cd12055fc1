// Payloads are sequences of tag, length, value: u8 tag (never 0), u8 length, value; length 255 means that a u32 length
// of 255 or more follows.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "wire/header.h"

namespace tickwire::wire {

struct Tlv {
  uint8_t tag = 0;
  std::span<const uint8_t> value;

  // The value as a number of exactly its size; false when it has another.
  template <class T>
  [[nodiscard]] bool get(T& out) const noexcept {
    if (value.size() != sizeof(T)) return false;
    out = load<T>(value.data());
    return true;
  }
  [[nodiscard]] std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(value.data()), value.size()};
  }
};

class TlvReader {
 public:
  explicit TlvReader(std::span<const uint8_t> payload) noexcept
      : at_(payload.data()), end_(payload.data() + payload.size()) {}

  // False at the end, and in front of what is no TLV: then malformed() is true.
  [[nodiscard]] bool next(Tlv& out) noexcept {
    const auto left = static_cast<size_t>(end_ - at_);
    if (left == 0) return false;
    if (left < 2 || at_[0] == 0) return fail();
    size_t head = 2;
    size_t length = at_[1];
    if (length == 255) {
      head = 6;
      if (left < head) return fail();
      length = load<uint32_t>(at_ + 2);
      if (length < 255) return fail();
    }
    if (length > left - head) return fail();
    out = {at_[0], {at_ + head, length}};
    at_ += head + length;
    return true;
  }
  [[nodiscard]] bool malformed() const noexcept { return malformed_; }

 private:
  bool fail() noexcept {
    malformed_ = true;
    return false;
  }
  const uint8_t* at_;
  const uint8_t* end_;
  bool malformed_ = false;
};

// Writes into memory of the caller. What does not fit is not written, nor is anything after it: ok() is then false.
class TlvWriter {
 public:
  explicit TlvWriter(std::span<uint8_t> room) noexcept
      : begin_(room.data()), at_(room.data()), end_(room.data() + room.size()) {}

  // Room for a value of n bytes, to be filled by the caller; null when it does not fit.
  [[nodiscard]] uint8_t* open(uint8_t tag, size_t n) noexcept {
    const size_t head = n < 255 ? 2 : 6;
    const auto left = static_cast<size_t>(end_ - at_);
    if (!ok_ || left < head || n > left - head || n > kMaxPayload) {
      ok_ = false;
      return nullptr;
    }
    at_[0] = tag;
    at_[1] = static_cast<uint8_t>(n < 255 ? n : 255);
    if (n >= 255) store(at_ + 2, static_cast<uint32_t>(n));
    uint8_t* const value = at_ + head;
    at_ = value + n;
    return value;
  }
  template <class T>
  void put(uint8_t tag, T value) noexcept {
    if (uint8_t* to = open(tag, sizeof value)) store(to, value);
  }
  void bytes(uint8_t tag, std::span<const uint8_t> value) noexcept {
    uint8_t* const to = open(tag, value.size());
    if (to != nullptr && !value.empty()) std::memcpy(to, value.data(), value.size());
  }
  void text(uint8_t tag, std::string_view value) noexcept {
    bytes(tag, {reinterpret_cast<const uint8_t*>(value.data()), value.size()});
  }
  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] size_t size() const noexcept { return static_cast<size_t>(at_ - begin_); }

 private:
  uint8_t* begin_;
  uint8_t* at_;
  uint8_t* end_;
  bool ok_ = true;
};

}  // namespace tickwire::wire
