// A connection as books see it.
#pragma once
#include <cstdint>
#include <vector>

#include "book/connection_sequence.h"

namespace tickwire::feed {

class BookSet;

class BookSource {
 public:
  [[nodiscard]] book::ConnectionSequence& sequence() noexcept { return sequence_; }

 private:
  friend class BookSet;
  std::vector<bool> fed_;  // by book: whether an event of it came over this connection
  book::ConnectionSequence sequence_;
};

}  // namespace tickwire::feed
