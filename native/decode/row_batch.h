// Rows of one message on their way to the ring: already in ring record form, and mostly in their place in it.
//
// A row record, in 8-byte words (little endian):
//   word 0   u32 length in bytes including this word, multiple of 8 | u8 kind | u8 shape | u16 feed handle
//   word 1   f64 rx time, ns, monotonic          (filled in when published)
//   word 2   f64 kernel time, ns, monotonic, 0 = none   (filled in when published)
//   word 3…  fields at their slots:
//     number  f64
//     bool    f64 0 or 1
//     int64   i64
//     decimal i64 mantissa, then i64 scale (two words): value = mantissa / 10^scale; scale 0..18 as written in the text
//     symbol  u32 id in the low half (SymbolTable), 0 above
//     text    u32 byte offset from the record's start, u32 byte length (UTF-8, escapes resolved)
//     levels  u32 byte offset from the record's start (multiple of 8), u32 count; per level f64 price, f64 size, or
//     exact:
//             i64 price mantissa, i64 price scale, i64 size mantissa, i64 size scale
//     orders  u32 byte offset from the record's start (multiple of 8), u32 count; per order
//             u64 act (0 added, 1 changed, 2 removed), u64 id high, u64 id low (OrderId), i64 price mantissa, i64 price
//             scale, i64 size mantissa, i64 size scale, i64 time (ns since 1970, or as the venue counts; 0: none)
//     flags   u64 presence bits of the optional fields (bit set = present and not null)
//   Slots of absent optional fields hold zeros.
//   then the variable data, padded with zeros to a multiple of 8.
#pragma once
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

namespace tickwire::decode {

inline constexpr uint32_t kRowHeaderWords = 3;

class RowBatch {
 public:
  RowBatch() = default;
  RowBatch(const RowBatch&) = delete;
  RowBatch& operator=(const RowBatch&) = delete;

  struct Row {
    uint32_t word_offset;  // in words()
    uint32_t word_count;
    uint32_t key;  // symbol id to conflate by; kNoKey when the shape has none
    uint8_t shape;
  };
  static constexpr uint32_t kNoKey = UINT32_MAX;
  // 64 MiB: what one message may become. Rows are wider than the text they come from, so a peer could otherwise
  // multiply.
  static constexpr uint32_t kMaxWords = 1u << 23;

  void clear() noexcept {
    used_ = 0;
    open_words_ = 0;
    rows_.clear();
  }
  // clear(), and the next rows are made in `memory`, one after the other; or, when they turn out to need more than
  // `words`, all of them in memory of their own.
  void clear_into(uint64_t* memory, uint32_t words) noexcept {
    clear();
    base_ = memory;
    room_ = words;
  }
  // clear(), and the next rows are made in memory of their own.
  void clear_into_own() noexcept { clear_into(own_.data(), static_cast<uint32_t>(own_.size())); }
  // Whether the rows are in the memory that clear_into() was given.
  [[nodiscard]] bool in_place() const noexcept { return base_ != own_.data(); }

  // Whether n more words fit under kMaxWords; decoders ask before they take them.
  [[nodiscard]] bool fits(uint32_t n) const noexcept { return n <= kMaxWords && used_ + open_words_ <= kMaxWords - n; }
  // Room for a row of n words, zeroed; the pointer is good until the next call.
  uint64_t* begin(uint32_t n) {
    uint64_t* row = begin_unset(n);
    std::memset(row, 0, size_t{n} * 8);
    return row;
  }
  // The same with unspecified content: for a writer that knows which words it will fill, and zeroes the others.
  uint64_t* begin_unset(uint32_t n) {
    open_words_ = 0;
    make_room(n);
    open_words_ = n;
    return base_ + used_;
  }
  // The same in two steps for a row that is soon done: where it will be (null when rows would become too large), to be
  // filled and committed with its size, with nothing else in between; or taken(), and then it is open as any other.
  [[nodiscard]] uint64_t* next(uint32_t n) {
    if (room_ - used_ < n) [[unlikely]] {
      if (!fits(n)) return nullptr;
      make_room(n);
    }
    return base_ + used_;
  }
  void commit(uint32_t n, uint8_t shape, uint32_t key) {
    rows_.push_back({used_, n, key, shape});
    used_ += n;
  }
  void taken(uint32_t n) noexcept { open_words_ = n; }
  // Puts a text behind the open row and its place into a slot; returns the row's (perhaps moved) start, null when it
  // would become too large.
  [[nodiscard]] uint64_t* add_text(uint16_t slot, std::string_view text) {
    const auto words = static_cast<uint32_t>((text.size() + 7) / 8);
    if (!fits(words)) return nullptr;
    const uint32_t at = open_words_;
    uint64_t* const row = extend(words);
    if (!text.empty()) std::memcpy(row + at, text.data(), text.size());
    row[slot] = uint64_t{at} * 8 | uint64_t{text.size()} << 32;
    return row;
  }
  // Makes the open row longer by n zeroed words; returns the row's (perhaps moved) start.
  uint64_t* extend(uint32_t n) {
    make_room(n);
    std::memset(base_ + used_ + open_words_, 0, size_t{n} * 8);
    open_words_ += n;
    return base_ + used_;
  }
  // Like extend in two steps: makes sure that n words more exist, unspecified content; then takes n of them.
  uint64_t* reserve(uint32_t n) {
    make_room(n);
    return base_ + used_;
  }
  void grown(uint32_t n) noexcept { open_words_ += n; }
  void abandon() noexcept { open_words_ = 0; }  // the open row is not wanted after all
  [[nodiscard]] uint32_t open_words() const noexcept { return open_words_; }
  // Index of the open row's first word, which outlives growth.
  [[nodiscard]] uint32_t open_offset() const noexcept { return used_; }
  [[nodiscard]] uint64_t* words() noexcept { return base_; }
  void set_key(size_t row, uint32_t key) noexcept { rows_[row].key = key; }
  void commit(uint8_t shape, uint32_t key) {
    rows_.push_back({used_, open_words_, key, shape});
    used_ += open_words_;
    open_words_ = 0;
  }
  // `count` rows of n words each, one after the other, unspecified content; keys[i] is that of row i. fits(count * n)
  // was asked before. The pointer is good until the next call.
  uint64_t* append(uint32_t count, uint32_t n, uint8_t shape, const uint32_t* keys) {
    uint64_t* const words = begin_unset(count * n);
    for (uint32_t i = 0; i < count; ++i) rows_.push_back({used_ + i * n, n, keys[i], shape});
    used_ += count * n;
    open_words_ = 0;
    return words;
  }
  [[nodiscard]] const std::vector<Row>& rows() const noexcept { return rows_; }
  // Leaves the rows for which keep(row) holds, without gaps between them and in their order. No row is open.
  template <class Keep>
  void keep_if(Keep&& keep) {
    size_t kept = 0;
    uint32_t end = 0;
    for (Row& row : rows_) {
      if (!keep(std::as_const(row))) continue;
      if (row.word_offset != end) {
        std::memmove(base_ + end, base_ + row.word_offset, size_t{row.word_count} * 8);
        row.word_offset = end;
      }
      end += row.word_count;
      rows_[kept++] = row;
    }
    rows_.resize(kept);
    used_ = end;
  }
  [[nodiscard]] uint64_t* row_words(const Row& row) noexcept { return base_ + row.word_offset; }
  [[nodiscard]] uint32_t total_bytes() const noexcept { return used_ * 8; }

 private:
  void make_room(uint32_t n) {
    if (room_ - used_ - open_words_ < n) [[unlikely]]
      grow(n);
  }
  void grow(uint32_t n) {
    const uint32_t filled = used_ + open_words_;
    const bool moves = in_place();
    if (own_.size() < size_t{filled} + n) own_.resize((size_t{filled} + n) * 2);
    if (moves) std::memcpy(own_.data(), base_, size_t{filled} * 8);
    base_ = own_.data();
    room_ = static_cast<uint32_t>(own_.size());
  }

  std::vector<uint64_t> own_ = std::vector<uint64_t>(4096);
  uint64_t* base_ = own_.data();
  uint32_t room_ = 4096;
  std::vector<Row> rows_ = [] {
    std::vector<Row> r;
    r.reserve(256);
    return r;
  }();
  uint32_t used_ = 0;
  uint32_t open_words_ = 0;
};

}  // namespace tickwire::decode
