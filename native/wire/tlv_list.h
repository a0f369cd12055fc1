// Values that a payload holds several times under one tag, read when they are walked: nothing is copied or allocated.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "wire/tlv.h"

namespace tickwire::wire {

// `Item` is made of a TLV by `bool read(const Tlv&, Item&)`, found by argument-dependent lookup. Whoever fills a list
// has checked the whole payload, so that walking it cannot fail.
template <class Item>
class TlvList {
 public:
  TlvList() = default;
  TlvList(std::span<const uint8_t> payload, uint8_t tag, size_t size) noexcept
      : payload_(payload), size_(size), tag_(tag) {}

  [[nodiscard]] size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

  class Iterator {
   public:
    Iterator(std::span<const uint8_t> payload, uint8_t tag) noexcept : reader_(payload), tag_(tag) { ++*this; }
    [[nodiscard]] const Item& operator*() const noexcept { return item_; }
    Iterator& operator++() noexcept {
      Tlv tlv;
      more_ = false;
      while (!more_ && reader_.next(tlv)) more_ = tlv.tag == tag_ && read(tlv, item_);
      return *this;
    }
    struct End {};
    [[nodiscard]] bool operator!=(End) const noexcept { return more_; }

   private:
    TlvReader reader_;
    Item item_{};
    uint8_t tag_;
    bool more_ = false;
  };
  [[nodiscard]] Iterator begin() const noexcept { return {payload_, tag_}; }
  [[nodiscard]] typename Iterator::End end() const noexcept { return {}; }

 private:
  std::span<const uint8_t> payload_;
  size_t size_ = 0;
  uint8_t tag_ = 0;
};

}  // namespace tickwire::wire
