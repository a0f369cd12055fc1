// The same streams over several connections: the first copy of each row passes, later ones are dropped and counted.
// Sits between the decoders and the publishers of the feeds that share it; all of them are on one channel, so one
// thread.
//
// Rows are told apart by key and sequence, as their shape's role says (docs/schema-format.md):
//   contiguous  numbers of a key go up by one. A number that was passed over is waited for: it passes when another
//               connection brings it, and is told as a gap when it does not come in time.
//   increasing  of a key only what is newer than everything before passes: for rows that are states.
//   distinct    each number (or text) passes once, in any order; nothing is known of what is missing.
//   leader      no number to go by: of each key the rows of one connection pass, until it ends or falls silent.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "decode/row_batch.h"
#include "decode/schema.h"
#include "feed/channel.h"
#include "feed/conflator.h"
#include "feed/held_rows.h"
#include "feed/options.h"
#include "feed/publisher.h"
#include "feed/recent_set.h"
#include "feed/row_line.h"
#include "feed/sequence_window.h"
#include "feed/stats.h"

namespace tickwire::feed {

struct ArbiterOptions : CoreOptions {  // `schema` is that of all its feeds; reconnect and heartbeat are not looked at
  uint32_t paths = 1;                  // 1..kMaxPaths
  uint32_t window = 1024;              // numbers behind the newest that are kept track of, per key; power of two, >= 64
  uint32_t recent = 65'536;            // distinct by text: so many of the last rows of a shape are remembered
  int64_t wait_ns = 1'000'000'000;     // contiguous: how long a number may be missing before it is given up
  int64_t lead_ns = 1'000'000'000;     // leader: silence of a key after which another connection takes it over
  // Contiguous: rows of a key pass in the order of their numbers. Those that are ahead of a missing one are held back
  // for so long, so many of a key and so many bytes of all; then what is missing is told, wait_ns or not.
  bool in_order = false;
  int64_t hold_ns = 100'000'000;
  uint32_t hold_rows = 512;  // at most half of `window`
  size_t hold_bytes = 16u << 20;
  int64_t restart_ns = 30'000'000'000;  // only numbers too old to pass for so long: the venue has begun anew
};

enum class ArbiterCounter : uint8_t {
  kPassed,
  kCopies,       // dropped: had come before
  kOld,          // dropped: too old to tell, or older than the newest
  kLate,         // passed: had been passed over
  kGaps,         // ranges told
  kMissing,      // numbers in them
  kOpenMissing,  // numbers that are waited for now
  kRestarts,
  kKeys,
  kHeld,  // rows that are held back now
  kReserved1,
  kReserved2,
  kCount
};

enum class PathCounter : uint8_t {
  kWins,    // rows that were the first
  kCopies,  // rows that another connection had brought
  kOld,
  kMissed,  // contiguous: numbers that this path passed over
  kLagNs,   // sum of what the copies came behind
  kReserved0,
  kReserved1,
  kReserved2,
  kCount
};

// Lives on the loop's thread; create() and handle() may be called from any.
class Arbiter final : public ChannelTenant, private SpaceListener {
 public:
  static constexpr uint32_t kMaxPaths = 16;
  // Its statistics: those of a feed, then its own counters, then for each path counters and the histogram of lags.
  static constexpr size_t kCountersOffset = Stats::kBytesTotal;
  static constexpr size_t kPathsOffset = kCountersOffset + static_cast<size_t>(ArbiterCounter::kCount) * 8;
  static constexpr size_t kPathBytes = static_cast<size_t>(PathCounter::kCount) * 8 + Histogram::kBytes;
  [[nodiscard]] static constexpr size_t stats_bytes(uint32_t paths) { return kPathsOffset + paths * kPathBytes; }

  [[nodiscard]] static Result<std::shared_ptr<Arbiter>> create(Channel& channel, ArbiterOptions options,
                                                               uint16_t handle);
  ~Arbiter() override;
  Arbiter(const Arbiter&) = delete;
  Arbiter& operator=(const Arbiter&) = delete;

  [[nodiscard]] uint16_t handle() const noexcept override { return handle_; }
  [[nodiscard]] const Channel& channel() const noexcept { return channel_; }
  [[nodiscard]] uint32_t paths() const noexcept { return options_.paths; }
  [[nodiscard]] const std::shared_ptr<Conflator>& conflator() const noexcept { return conflator_; }

  // A connection of a path begins and ends. Numbers of connections are not used again for a long time.
  [[nodiscard]] uint32_t open_lane() noexcept { return ++last_lane_; }
  void close_lane(uint32_t lane) noexcept;

  struct Dropped {
    uint32_t copies = 0;
    uint64_t lag_ns = 0;
  };
  // Leaves in `batch` what passes.
  Dropped filter(decode::RowBatch& batch, uint32_t path, uint32_t lane, int64_t rx_ns);

  // With ArbiterOptions::in_order the arbiter publishes itself. drain() comes first: false when there is no room yet
  // for what was given before; then who waits for space may ask again. Then arrange() takes the rows of a message,
  // which lie in memory of the batch's own, and drain() publishes what is due.
  [[nodiscard]] bool in_order() const noexcept { return options_.in_order; }
  Dropped arrange(decode::RowBatch& batch, uint32_t path, uint32_t lane, const ReceiveTimes& times);
  [[nodiscard]] bool drain() { return line_.empty() || line_.drain(*publisher_); }
  // All messages of one read have been arranged.
  void end_of_read() { publisher_->end_of_read(channel_.loop().now_ns()); }
  // Waits for nothing any more: what is missing is told and what was held back behind it comes, and then a state
  // record, `disconnected`. Whoever has read that has read everything.
  void end();

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint32_t kKeysPerChunk = 256;
  static constexpr uint32_t kLagSlots = 1u << 14;
  static constexpr uint32_t kDeadLanes = 64;

  struct Role {
    decode::SequenceMode mode = decode::SequenceMode::kNone;
    uint16_t slot = 0;
    bool is_text = false;
  };
  struct Order {
    HeldRows::Chain held;
    int64_t next = 0;  // the number that comes next
    bool started = false;
    bool listed = false;  // in holding_
  };
  struct Key {
    Key(uint32_t index_, uint8_t shape_, uint32_t symbol_, uint64_t* bits, uint32_t window_size, int64_t* last)
        : index(index_), shape(shape_), symbol(symbol_), window(bits, window_size), last_of_path(last) {}
    uint32_t index;
    uint8_t shape;
    bool awaits = false;  // is in the list of those with missing numbers
    uint32_t symbol;
    uint32_t next_awaiting = kNone;
    SequenceWindow window;
    int64_t* last_of_path;
    int64_t last_pass_ns = 0;
    int64_t give_up_ns = 0;
    int64_t give_up_to = 0;
    uint32_t leader = 0;         // lane
    uint64_t noted_missing = 0;  // what open_missing_ holds of it
    Order order;
  };
  struct Chunk {
    std::vector<Key> keys;
    std::vector<uint64_t> bits;
    std::vector<int64_t> last;
  };
  struct ShapeKeys {
    Role role;
    std::vector<uint32_t> key_of_symbol;  // index + 1; the last entry is for rows without a key
    std::unique_ptr<RecentSet> recent;
  };
  struct Lag {
    uint64_t row = 0;
    int64_t rx_ns = 0;
  };
  enum class Verdict : uint8_t { kPass, kCopy, kOld };

  Arbiter(Channel& channel, ArbiterOptions options, uint16_t handle);
  void on_space() override;
  void on_wait_timer(int64_t now_ns);

  [[nodiscard]] Verdict judge(ShapeKeys& shape, Key& key, const uint64_t* row, uint32_t path, uint32_t lane,
                              int64_t rx_ns, uint64_t& id);
  [[nodiscard]] Verdict by_window(Key& key, int64_t number, bool counted, uint32_t path, int64_t rx_ns);
  [[nodiscard]] Verdict by_newest(Key& key, int64_t number, int64_t rx_ns);
  [[nodiscard]] Verdict by_leader(Key& key, uint32_t lane, int64_t rx_ns);
  [[nodiscard]] Key& key_of(ShapeKeys& shape, uint8_t index, uint32_t symbol);
  [[nodiscard]] Key& key_at(uint32_t index) noexcept {
    return chunks_[index / kKeysPerChunk]->keys[index % kKeysPerChunk];
  }
  [[gnu::cold]] uint32_t add_key(uint8_t shape, uint32_t symbol);
  [[nodiscard]] bool begins_anew(Key& key, int64_t rx_ns) noexcept;
  void await(Key& key, int64_t rx_ns);
  // arbiter_order.cc
  void line_up(const decode::RowBatch::Row& row, const uint64_t* words);
  [[nodiscard]] bool order(Key& key, int64_t number, const decode::RowBatch::Row& row, const uint64_t* words);
  void release(Order& order, int64_t to);
  void wait_no_longer(Key& key, int64_t number);
  void on_hold_timer(int64_t now_ns);
  void hand_on();
  void show_held(int64_t more) noexcept {
    bump(kCountersOffset + static_cast<size_t>(ArbiterCounter::kHeld) * 8, static_cast<uint64_t>(more));
  }
  void tell_gap(Key& key, int64_t first, int64_t last);
  // Before anything of it is told: who is told finds it counted.
  void note_missing(Key& key) noexcept {
    open_missing_ += key.window.missing() - std::exchange(key.noted_missing, key.window.missing());
    show(ArbiterCounter::kOpenMissing, open_missing_);
  }
  void count(ArbiterCounter c, uint64_t n = 1) noexcept { bump(kCountersOffset + static_cast<size_t>(c) * 8, n); }
  void count(uint32_t path, PathCounter c, uint64_t n = 1) noexcept {
    bump(kPathsOffset + path * kPathBytes + static_cast<size_t>(c) * 8, n);
  }
  void show(ArbiterCounter c, uint64_t value) noexcept {
    word(kCountersOffset + static_cast<size_t>(c) * 8).store(value, std::memory_order_relaxed);
  }
  // One writer, the loop's thread; readers may look at any time.
  void bump(size_t offset, uint64_t n) noexcept {
    auto& w = word(offset);
    w.store(w.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  [[nodiscard]] std::atomic<uint64_t>& word(size_t offset) const noexcept {
    return *reinterpret_cast<std::atomic<uint64_t>*>(options_.stats.data() + offset);
  }
  [[nodiscard]] bool is_dead(uint32_t lane) const noexcept;

  Channel& channel_;
  const ArbiterOptions options_;
  const uint16_t handle_;
  Stats stats_;
  std::unique_ptr<Publisher> publisher_;  // of gaps
  std::shared_ptr<Conflator> conflator_;
  std::vector<ShapeKeys> shapes_;
  std::vector<std::unique_ptr<Chunk>> chunks_;
  uint32_t keys_ = 0;
  std::vector<Lag> lags_;
  std::vector<Histogram> lag_of_path_;
  uint32_t first_awaiting_ = kNone;  // in the order of give_up_ns
  uint32_t last_awaiting_ = kNone;
  uint64_t open_missing_ = 0;
  uint32_t last_lane_ = 0;
  std::array<uint32_t, kDeadLanes> dead_{};  // the lanes that ended last, in a ring
  uint32_t dead_next_ = 0;
  uint64_t seed_;
  MemberTimer<Arbiter, &Arbiter::on_wait_timer> wait_timer_{*this};
  HeldRows held_;
  RowLine line_;
  std::vector<uint32_t> holding_;  // keys with rows that are held back
  bool ends_ = false;              // that it has ended is to be told behind all rows
  ReceiveTimes times_;             // of the rows that are looked at
  MemberTimer<Arbiter, &Arbiter::on_hold_timer> hold_timer_{*this};
};

}  // namespace tickwire::feed
