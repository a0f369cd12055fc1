// Walks an SBE message: finds where its groups and variable-length data stand, by the lengths that it brings itself, so
// that a newer sender's longer blocks are passed over. Everything is checked against the message's end before it is
// looked at.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "decode/decoder.h"
#include "decode/sbe_schema.h"

namespace tickwire::decode {

static_assert(std::endian::native == std::endian::little);

// A block as its sender wrote it: perhaps shorter or longer than this schema's.
struct SbeBlock {
  const uint8_t* at = nullptr;
  uint64_t length = 0;
};

struct SbeEntries {
  const uint8_t* at = nullptr;  // null: the message has no such group
  uint64_t block_length = 0;
  uint64_t count = 0;
};

class SbeWalk {
 public:
  // Looked at one after the other in one message.
  void begin(std::span<const uint8_t> message, uint64_t version, bool big_endian) noexcept {
    end_ = message.data() + message.size();
    version_ = version;
    big_endian_ = big_endian;
  }

  static constexpr Malformed kFine = Malformed::kCount;
  // `at`: behind the block; it is moved behind what was found.
  [[nodiscard]] Malformed walk(const std::vector<SbeGroup>& groups, const std::vector<SbeData>& data,
                               const uint8_t*& at, std::vector<SbeEntries>& found,
                               std::vector<std::string_view>& texts);
  // Behind the groups and data of an entry, which start at `at`.
  [[nodiscard]] Malformed pass_parts(const SbeGroup& group, const uint8_t*& at) const;
  // The data of an entry as well.
  [[nodiscard]] Malformed entry_parts(const SbeGroup& group, const uint8_t*& at,
                                      std::vector<std::string_view>& texts) const;

  [[nodiscard]] uint64_t version() const noexcept { return version_; }
  [[nodiscard]] uint64_t room(const uint8_t* at) const noexcept { return static_cast<uint64_t>(end_ - at); }

  // The bits of a number, sign- or zero-extended. Eight bytes are loaded, whatever its size.
  [[nodiscard]] static uint64_t load(const uint8_t* block, const SbeNumber& number, bool big_endian) noexcept {
    uint64_t raw;
    std::memcpy(&raw, block + number.offset, 8);
    raw = big_endian ? __builtin_bswap64(raw) : raw << number.shift;
    return number.is_signed() ? static_cast<uint64_t>(static_cast<int64_t>(raw) >> number.shift) : raw >> number.shift;
  }

 private:
  [[nodiscard]] Malformed dimension(const SbeGroup& group, const uint8_t*& at, SbeEntries& out) const;
  [[nodiscard]] Malformed pass(const SbeGroup& group, const uint8_t*& at) const;
  [[nodiscard]] Malformed pass_entries(const SbeGroup& group, const SbeEntries& entries, const uint8_t*& at) const;
  [[nodiscard]] Malformed text(const SbeData& data, const uint8_t*& at, std::string_view& out) const;

  const uint8_t* end_ = nullptr;
  uint64_t version_ = 0;
  bool big_endian_ = false;
};

}  // namespace tickwire::decode
