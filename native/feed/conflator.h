// Newest value per (shape, key) in triple slots that JS reads. Announcements that find no room in the ring are kept: at
// most one per slot.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "base/triple_slot.h"
#include "feed/options.h"

namespace tickwire::feed {

class Conflator {
 public:
  struct Announcement {
    uint8_t shape;
    uint32_t slot;
  };
  enum class Stored : uint8_t { kReplaced, kAnnounce, kNoSlot };

  Conflator(std::span<uint8_t> memory, const std::vector<ConflateRegion>& regions, uint32_t max_symbols);
  // Stores a complete row record. kAnnounce: `slot` has to be announced to the reader.
  [[nodiscard]] Stored store(uint8_t shape, uint32_t key, const uint64_t* row, uint32_t bytes, uint32_t& slot) noexcept;
  std::vector<Announcement>& waiting() noexcept { return waiting_; }

 private:
  struct Region {
    std::span<uint8_t> memory;
    uint32_t row_bytes;
    uint32_t keys;
    std::vector<TripleSlot> slots;         // grows up to keys; reserved at once
    std::vector<uint32_t> slot_of_symbol;  // slot + 1 by symbol id; the last entry is for rows without a key
  };
  std::vector<Region> regions_;
  std::vector<Announcement> waiting_;
};

}  // namespace tickwire::feed
