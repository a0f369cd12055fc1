// Any orders into a side of a book of orders: the queue of each price is that of a list kept by hand, its sum that of
// 128-bit numbers, forward and backward links agree, and nothing is left of what went. Input: limits, then additions,
// changes, removals of few ids at few prices, with any scales, sizes and times.
#include <cstdint>
#include <cstdlib>
#include <list>
#include <map>

#include "book/checksum.h"
#include "book/order_ladder.h"

namespace {

using namespace tickwire::book;
using Wide = __int128;

class Input {
 public:
  Input(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}
  [[nodiscard]] bool empty() const { return at_ == end_; }
  uint8_t byte() { return at_ == end_ ? 0 : *at_++; }
  int64_t number() {
    uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | byte();
    return static_cast<int64_t>(value);
  }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

void require(bool condition) {
  if (!condition) std::abort();
}

Wide wide(int64_t value, int64_t scale) {
  Wide result = value;
  for (int64_t i = scale; i < kMaxScale; ++i) result *= 10;
  return result;
}

struct Known {
  uint64_t id;
  Wide size;
  int64_t time;
};
using Side128 = std::map<Wide, std::list<Known>>;  // by the key that is best when smallest

void put(std::list<Known>& line, const Known& known) {
  auto at = line.end();
  while (at != line.begin() && std::prev(at)->time > known.time) --at;
  line.insert(at, known);
}

bool take(Side128& side, uint64_t id) {
  for (auto at = side.begin(); at != side.end(); ++at) {
    if (at->second.remove_if([id](const Known& known) { return known.id == id; }) == 0) continue;
    if (at->second.empty()) side.erase(at);
    return true;
  }
  return false;
}

void compare(const OrderLadder& ladder, const Side128& side) {
  require(ladder.levels().size() == side.size());
  size_t i = 0;
  size_t orders = 0;
  for (const auto& [key, line] : side) {
    const Level& level = ladder.levels().at(i);
    const Wide price = wide(level.price, ladder.levels().price_scale());
    require((ladder.levels().side() == Side::kBid ? -price : price) == key);
    Wide sum = 0;
    uint32_t at = ladder.first(i);
    uint32_t before = OrderLadder::kNoOrder;
    for (const Known& known : line) {
      require(at != OrderLadder::kNoOrder);
      const OrderLadder::Order& order = ladder.order(at);
      require(order.id.low == known.id && order.before == before && ladder.find(order.id) == at);
      require(wide(order.size, order.size_scale) == known.size);
      sum += known.size;
      before = at;
      at = order.next;
    }
    require(at == OrderLadder::kNoOrder && ladder.count(i) == line.size());
    require(wide(level.size, level.size_scale) == sum);
    require(ladder.ahead_of(before).orders == line.size() - 1);
    orders += line.size();
    ++i;
  }
  require(ladder.orders() == orders);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  OrderLimits limits;
  const uint8_t head = input.byte();
  limits.depth = head / 2 % 8;
  limits.max_orders = 4 + input.byte() % 32;
  const bool bid = head % 2 == 0;
  OrderLadder ladder(bid ? Side::kBid : Side::kAsk, limits);
  OrderLadder nobody(bid ? Side::kAsk : Side::kBid, limits);
  Side128 truth;
  uint32_t sums = 0;
  while (!input.empty()) {
    const uint8_t op = input.byte();
    OrderRow row;
    row.id = {0, input.byte() % 40u};
    const bool wild = op >= 250;
    row.level.price = wild ? input.number() : input.byte() % 12;
    row.level.price_scale = input.byte() % (wild ? 20 : 3);
    row.level.size = wild ? input.number() : input.byte() % 50;
    row.level.size_scale = input.byte() % (wild ? 20 : 4);
    row.time = op / 4 % 4;
    const Wide key = wide(row.level.price, row.level.price_scale) * (bid ? -1 : 1);
    const Known known{row.id.low, wide(row.level.size, row.level.size_scale), row.time};
    Known* here = nullptr;
    Wide where = 0;
    for (auto& [k, line] : truth) {
      for (Known& other : line) {
        if (other.id == known.id) here = &other, where = k;
      }
    }
    Reason reason = Reason::kNone;
    switch (op % 4) {
      case 0:
      case 1:
        reason = ladder.add(row);
        if (reason != Reason::kNone) break;
        take(truth, known.id);
        put(truth[key], known);
        break;
      case 2:
        reason = ladder.change(row);
        if (reason == Reason::kNone) require(here != nullptr);
        if (reason != Reason::kNone) break;
        if (where == key && known.size <= here->size) {
          here->size = known.size;
        } else {
          take(truth, known.id);
          put(truth[key], known);
        }
        break;
      default:
        reason = ladder.remove(row.id);
        require((reason == Reason::kNone) == (here != nullptr));
        take(truth, known.id);
        break;
    }
    if (reason == Reason::kPriceRange || reason == Reason::kEventSize) {
      // Not to be trusted until the next snapshot.
      ladder.clear();
      truth.clear();
    }
    ladder.trim();
    while (limits.depth != 0 && truth.size() > limits.depth) truth.erase(std::prev(truth.end()));
    compare(ladder, truth);
    sums ^= bid ? kraken_l3_checksum(ladder, nobody) : kraken_l3_checksum(nobody, ladder);
  }
  return sums == 0x12345678u ? -1 : 0;  // so that the sums are made
}
