// A connection as books see it.
#pragma once
#include <cstdint>
#include <vector>

#include "book/connection_sequence.h"

namespace tickwire::feed {

class BookSet;

class BookSource {
 public:
  explicit BookSource(uint16_t handle) : handle_(handle) {}
  // Of the feed whose connection it is.
  [[nodiscard]] uint16_t handle() const noexcept { return handle_; }
  [[nodiscard]] book::ConnectionSequence& sequence() noexcept { return sequence_; }

 private:
  friend class BookSet;
  const uint16_t handle_;
  bool open_ = false;
  enum class Feeds : uint8_t { kNot, kExpected, kHas };
  std::vector<Feeds> feeds_;  // by book: whether events of it are expected on this connection, or have come over it
  std::vector<int64_t> last_ids_;  // by book, of whole books alone: the id that came last over this connection
  book::ConnectionSequence sequence_;
};

}  // namespace tickwire::feed
