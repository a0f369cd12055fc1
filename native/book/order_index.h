// Where the order with an id is: a hash table with open addressing, which allocates only when it grows.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "book/order_id.h"

namespace tickwire::book {

class OrderIndex {
 public:
  static constexpr uint32_t kNothing = UINT32_MAX;

  [[nodiscard]] uint32_t find(const OrderId& id) const noexcept;
  // `id` is not in here.
  void add(const OrderId& id, uint32_t order);
  // `id` is in here.
  void remove(const OrderId& id) noexcept;
  [[nodiscard]] size_t size() const noexcept { return size_; }
  // Keeps its memory.
  void clear() noexcept;

 private:
  struct Entry {
    OrderId id;
    uint32_t order = kNothing;
  };
  [[nodiscard]] size_t home(const OrderId& id) const noexcept;
  void grow();

  std::vector<Entry> entries_ = std::vector<Entry>(64);  // a power of two, at most half full
  size_t size_ = 0;
};

}  // namespace tickwire::book
