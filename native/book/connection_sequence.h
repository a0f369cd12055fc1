// Numbers that count the messages of one connection, over all its channels and instruments (Coinbase: sequence_num).
#pragma once
#include <cstdint>

namespace tickwire::book {

// A number that is not the next one means that messages of any of the connection's books may be missing: all of them
// are to be told so (BookSync::lose). https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket
class ConnectionSequence {
 public:
  struct Seen {
    bool ok;  // the next one, or the connection's first
    int64_t expected;
    int64_t got;
  };
  // After a number that was not the next one, counting goes on from it.
  Seen see(int64_t number) noexcept {
    const Seen seen{!started_ || number == next_, started_ ? next_ : number, number};
    started_ = number >= 0 && number < INT64_MAX;
    next_ = started_ ? number + 1 : 0;
    if (!seen.ok) ++gaps_;
    return seen;
  }
  // The next message has come and its number was not read: the one behind it tells whether that was right.
  void pass() noexcept {
    if (started_ && next_ < INT64_MAX) ++next_;
  }
  // A new connection.
  void reset() noexcept { started_ = false; }
  [[nodiscard]] uint64_t gaps() const noexcept { return gaps_; }

 private:
  int64_t next_ = 0;
  uint64_t gaps_ = 0;
  bool started_ = false;
};

}  // namespace tickwire::book
