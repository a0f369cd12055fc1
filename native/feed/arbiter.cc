#include "feed/arbiter.h"

#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/entropy.h"
#include "feed/records.h"

namespace tickwire::feed {

namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::min();

uint64_t fold(uint64_t a, uint64_t b) noexcept {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// The venue chooses the texts: keyed, so that none can be made to look like another.
uint64_t hash(std::string_view text, uint64_t seed) noexcept {
  uint64_t h = seed ^ text.size();
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    h = fold(h ^ word, 0x9E3779B97F4A7C15u);
  }
  uint64_t rest = 0;
  if (at < text.size()) std::memcpy(&rest, text.data() + at, text.size() - at);
  return fold(h ^ rest, 0xD1B54A32D192ED03u) ^ h;
}

std::string_view text_at(const uint64_t* row, uint16_t slot) noexcept {
  const auto offset = static_cast<uint32_t>(row[slot]);
  const auto length = static_cast<uint32_t>(row[slot] >> 32);
  return {reinterpret_cast<const char*>(row) + offset, length};
}

// Of gaps, and with in_order of rows.
CoreOptions for_publisher(const ArbiterOptions& options, std::shared_ptr<Conflator> conflator) {
  CoreOptions o;
  o.overflow = options.in_order ? options.overflow : Overflow::kBlock;
  o.pending_bytes = options.pending_bytes;
  o.flush_interval_ns = options.flush_interval_ns;
  o.conflator = std::move(conflator);
  o.ring_window = options.ring_window;
  o.flush_rows = options.flush_rows;
  return o;
}

}  // namespace

Arbiter::Arbiter(Channel& channel, ArbiterOptions options, uint16_t handle)
    : channel_(channel),
      options_(std::move(options)),
      handle_(handle),
      stats_(options_.stats),
      lags_(kLagSlots),
      seed_(static_cast<uint64_t>(mono_ns())) {
  (void)fill_random({reinterpret_cast<uint8_t*>(&seed_), sizeof seed_}).ok();
  for (const decode::Shape& shape : options_.schema->shapes) {
    ShapeKeys& keys = shapes_.emplace_back();
    keys.role.mode = shape.sequence.mode;
    if (shape.sequence.mode == decode::SequenceMode::kNone) continue;
    if (shape.sequence.field >= 0) {
      const decode::Field& field = shape.fields[static_cast<size_t>(shape.sequence.field)];
      keys.role.slot = field.slot;
      keys.role.is_text = field.type == decode::FieldType::kText;
    }
    keys.key_of_symbol.assign(size_t{channel.max_symbols()} + 1, 0);
    if (keys.role.is_text) keys.recent = std::make_unique<RecentSet>(options_.recent);
  }
  for (uint32_t path = 0; path < options_.paths; ++path) {
    lag_of_path_.emplace_back(options_.stats.data() + kPathsOffset + path * kPathBytes +
                              static_cast<size_t>(PathCounter::kCount) * 8);
  }
}

Result<std::shared_ptr<Arbiter>> Arbiter::create(Channel& channel, ArbiterOptions options, uint16_t handle) {
  if (!options.schema) return Error{Errc::kSchema, 0, "an arbiter needs rows"};
  if (options.paths < 1 || options.paths > kMaxPaths || options.stats.size() < stats_bytes(options.paths) ||
      options.window < 64 || !std::has_single_bit(options.window) ||
      (options.in_order && options.hold_rows > options.window / 2)) {
    return Error{Errc::kSystem, 0, "arbiter options"};
  }
  if (options.overflow == Overflow::kConflate && options.conflate_regions.size() < options.schema->shapes.size()) {
    return Error{Errc::kSchema, 0, "conflate needs a region for each of the schema's shapes"};
  }
  std::shared_ptr<Arbiter> arbiter(new Arbiter(channel, std::move(options), handle));
  const ArbiterOptions& given = arbiter->options_;
  if (given.overflow == Overflow::kConflate) {
    arbiter->conflator_ =
        std::make_shared<Conflator>(given.conflate_memory, given.conflate_regions, channel.max_symbols());
  }
  auto publisher =
      Publisher::create(channel, for_publisher(given, arbiter->conflator_), handle, arbiter->stats_, *arbiter);
  if (!publisher.ok()) return publisher.error();
  arbiter->publisher_ = std::move(publisher.value());
  return arbiter;
}

Arbiter::~Arbiter() = default;

void Arbiter::on_space() {
  (void)publisher_->on_space();
  hand_on();
}

void Arbiter::close_lane(uint32_t lane) noexcept {
  dead_[dead_next_ % kDeadLanes] = lane;
  ++dead_next_;
}

bool Arbiter::is_dead(uint32_t lane) const noexcept {
  return std::find(dead_.begin(), dead_.end(), lane) != dead_.end();
}

Arbiter::Dropped Arbiter::filter(decode::RowBatch& batch, uint32_t path, uint32_t lane, int64_t rx_ns) {
  Dropped dropped;
  uint64_t passed = 0;
  uint64_t old = 0;
  batch.keep_if([&](const decode::RowBatch::Row& row) {
    ShapeKeys& shape = shapes_[row.shape];
    const uint64_t* const words = batch.row_words(row);
    if (shape.role.mode == decode::SequenceMode::kNone) {
      if (options_.in_order) line_up(row, words);
      return !options_.in_order;
    }
    Key& key = key_of(shape, row.shape, row.key);
    uint64_t id = 0;
    Verdict verdict = judge(shape, key, words, path, lane, rx_ns, id);
    if (options_.in_order && verdict == Verdict::kPass) {
      if (shape.role.mode != decode::SequenceMode::kContiguous) {
        line_up(row, words);
      } else if (!order(key, static_cast<int64_t>(words[shape.role.slot]), row, words)) {
        verdict = Verdict::kOld;
      }
    }
    Lag& lag = lags_[id & (kLagSlots - 1)];
    if (verdict == Verdict::kPass) [[likely]] {
      ++passed;
      if (id != 0) lag = {id, rx_ns};
      return !options_.in_order;
    }
    if (verdict == Verdict::kOld) ++old;
    if (id != 0 && lag.row == id) {
      const int64_t behind = rx_ns > lag.rx_ns ? rx_ns - lag.rx_ns : 0;
      lag_of_path_[path].record(behind, 1);
      dropped.lag_ns += static_cast<uint64_t>(behind);
    }
    ++dropped.copies;
    return false;
  });
  if (passed != 0) {
    count(ArbiterCounter::kPassed, passed);
    count(path, PathCounter::kWins, passed);
  }
  if (dropped.copies != 0) {
    count(ArbiterCounter::kOld, old);
    count(ArbiterCounter::kCopies, dropped.copies - old);
    count(path, PathCounter::kOld, old);
    count(path, PathCounter::kCopies, dropped.copies - old);
    count(path, PathCounter::kLagNs, dropped.lag_ns);
  }
  return dropped;
}

Arbiter::Verdict Arbiter::judge(ShapeKeys& shape, Key& key, const uint64_t* row, uint32_t path, uint32_t lane,
                                int64_t rx_ns, uint64_t& id) {
  const Role& role = shape.role;
  if (role.mode == decode::SequenceMode::kLeader) return by_leader(key, lane, rx_ns);
  if (role.is_text) {
    id = hash(text_at(row, role.slot), seed_ ^ key.symbol);
    return shape.recent->add(id) ? Verdict::kPass : Verdict::kCopy;
  }
  const auto number = static_cast<int64_t>(row[role.slot]);
  id = fold(static_cast<uint64_t>(number) ^ seed_, (uint64_t{key.index} << 1 | 1) * 0x9E3779B97F4A7C15u) | 1;
  if (role.mode == decode::SequenceMode::kIncreasing) return by_newest(key, number, rx_ns);
  return by_window(key, number, role.mode == decode::SequenceMode::kContiguous, path, rx_ns);
}

Arbiter::Verdict Arbiter::by_window(Key& key, int64_t number, bool counted, uint32_t path, int64_t rx_ns) {
  SequenceWindow& window = key.window;
  int64_t& last = key.last_of_path[path];
  if (counted && number > last) {
    if (last != kNever && number - 1 > last) {
      count(path, PathCounter::kMissed, static_cast<uint64_t>(number) - static_cast<uint64_t>(last) - 1);
    }
    last = number;
  }
  const auto tell = [&](int64_t first, int64_t to) { tell_gap(key, first, to); };
  auto verdict = window.offer(number, counted, tell);
  if (verdict == SequenceWindow::Verdict::kOld && begins_anew(key, rx_ns)) {
    window.give_up(window.newest(), tell);
    window.restart();
    if (options_.in_order) {
      release(key.order, std::numeric_limits<int64_t>::max());
      key.order.started = false;
    }
    verdict = window.offer(number, counted, tell);
  }
  if (window.missing() != key.noted_missing) [[unlikely]] {
    note_missing(key);
    // In order it is the rows behind it that wait.
    if (window.missing() != 0 && !options_.in_order) await(key, rx_ns);
  }
  switch (verdict) {
    case SequenceWindow::Verdict::kLate:
      if (counted) count(ArbiterCounter::kLate);
      [[fallthrough]];
    case SequenceWindow::Verdict::kNew:
      key.last_pass_ns = rx_ns;
      return Verdict::kPass;
    case SequenceWindow::Verdict::kOld:
      return Verdict::kOld;
    default:
      return Verdict::kCopy;
  }
}

Arbiter::Verdict Arbiter::by_newest(Key& key, int64_t number, int64_t rx_ns) {
  int64_t& newest = key.give_up_to;  // no gaps are waited for here
  if (key.last_pass_ns != 0 && number <= newest) {
    if (number == newest) return Verdict::kCopy;
    if (!begins_anew(key, rx_ns)) return Verdict::kOld;
  }
  newest = number;
  key.last_pass_ns = rx_ns;
  return Verdict::kPass;
}

Arbiter::Verdict Arbiter::by_leader(Key& key, uint32_t lane, int64_t rx_ns) {
  if (key.leader != lane) {
    const bool led = key.leader != 0 && rx_ns - key.last_pass_ns <= options_.lead_ns && !is_dead(key.leader);
    if (led) return Verdict::kCopy;
    key.leader = lane;
  }
  key.last_pass_ns = rx_ns;
  return Verdict::kPass;
}

// Numbers that go back for good are those of a venue that has started again. A connection that is far behind brings
// such numbers too, but only while no other brings newer ones.
bool Arbiter::begins_anew(Key& key, int64_t rx_ns) noexcept {
  if (rx_ns - key.last_pass_ns <= options_.restart_ns) return false;
  count(ArbiterCounter::kRestarts);
  return true;
}

Arbiter::Key& Arbiter::key_of(ShapeKeys& shape, uint8_t index, uint32_t symbol) {
  const size_t entry = std::min<size_t>(symbol, shape.key_of_symbol.size() - 1);
  uint32_t& known = shape.key_of_symbol[entry];
  if (known == 0) [[unlikely]]
    known = add_key(index, symbol) + 1;
  return key_at(known - 1);
}

// The symbol table bounds how many there can be. Memory for many at once: a row of a known key allocates nothing.
uint32_t Arbiter::add_key(uint8_t shape, uint32_t symbol) {
  const uint32_t index = keys_++;
  if (index % kKeysPerChunk == 0) {
    auto& chunk = chunks_.emplace_back(std::make_unique<Chunk>());
    chunk->keys.reserve(kKeysPerChunk);
    chunk->bits.resize(size_t{kKeysPerChunk} * (options_.window / 64));
    chunk->last.resize(size_t{kKeysPerChunk} * options_.paths, kNever);
  }
  Chunk& chunk = *chunks_.back();
  const uint32_t place = index % kKeysPerChunk;
  chunk.keys.emplace_back(index, shape, symbol, chunk.bits.data() + size_t{place} * (options_.window / 64),
                          options_.window, chunk.last.data() + size_t{place} * options_.paths);
  show(ArbiterCounter::kKeys, keys_);
  return index;
}

// One deadline per key: what goes missing meanwhile is waited for in the next round, so that the list stays in order.
void Arbiter::await(Key& key, int64_t rx_ns) {
  if (key.awaits) return;
  key.awaits = true;
  key.give_up_to = key.window.newest();
  // Messages may have waited to be read: later ones never have an earlier deadline.
  const int64_t after_last = last_awaiting_ == kNone ? rx_ns : key_at(last_awaiting_).give_up_ns;
  key.give_up_ns = std::max(deadline_after(rx_ns, options_.wait_ns), after_last);
  key.next_awaiting = kNone;
  if (last_awaiting_ == kNone) {
    first_awaiting_ = key.index;
  } else {
    key_at(last_awaiting_).next_awaiting = key.index;
  }
  last_awaiting_ = key.index;
  if (!wait_timer_.armed()) channel_.loop().timers().arm(wait_timer_, key_at(first_awaiting_).give_up_ns);
}

void Arbiter::on_wait_timer(int64_t now_ns) {
  while (first_awaiting_ != kNone && key_at(first_awaiting_).give_up_ns <= now_ns) {
    Key& key = key_at(first_awaiting_);
    first_awaiting_ = key.next_awaiting;
    if (first_awaiting_ == kNone) last_awaiting_ = kNone;
    key.awaits = false;
    key.window.give_up(key.give_up_to, [&](int64_t first, int64_t last) { tell_gap(key, first, last); });
    if (key.window.missing() != 0) await(key, now_ns);
  }
  if (first_awaiting_ != kNone) channel_.loop().timers().arm(wait_timer_, key_at(first_awaiting_).give_up_ns);
}

void Arbiter::tell_gap(Key& key, int64_t first, int64_t last) {
  note_missing(key);
  count(ArbiterCounter::kGaps);
  count(ArbiterCounter::kMissing, static_cast<uint64_t>(last) - static_cast<uint64_t>(first) + 1);
  auto record = arbiter_gap_record(handle_, channel_.loop().now_ns(), key.shape, first, last,
                                   channel_.symbols().text(key.symbol));
  if (!options_.in_order) return publisher_->control(record);
  release(key.order, first);
  line_.record(record);
  key.order.next = std::max(key.order.next, last + 1);
  release(key.order, key.order.next);
}

}  // namespace tickwire::feed
