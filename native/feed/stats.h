// Counters and stage histograms of one feed in memory that JS reads at any time (StatsLayout in lib/native/addon.ts).
// One writer, the loop's thread, except where noted.
#pragma once
#include <atomic>
#include <cstdint>
#include <span>

#include "base/histogram.h"
#include "decode/decoder.h"

namespace tickwire::feed {

enum class State : uint8_t { kDisconnected, kConnecting, kConnected, kReconnecting, kClosing };

enum class Counter : uint8_t {
  kMessages,
  kBytes,
  kPayloadBytes,
  kRows,
  kConflated,
  kDropped,
  kIgnored,
  kMalformed,
  kLevelsCut,
  kPauses,
  kConflateKeysFull,
  kConnects,
  kReconnects,
  kFailures,
  kPings,
  kPongs,
  kReads,
  kWakes,
  kSent,       // written by sending threads as well: see add_shared()
  kSentBytes,  // likewise
  kSamplesSuppressed,
  kControlLost,
  kDuplicates,    // wire format, arbiter: messages or rows dropped, since they had come before
  kGaps,          // ranges of sequence numbers that did not come when they were due
  kMissing,       // messages in them
  kRecovered,     // of these, came after all
  kLeftOut,       // messages that the sender left out for newer ones of their key
  kHeartbeats,    // of the sender
  kSkippedBytes,  // bytes of no intact frame
  kOverrun,       // shared memory: records that were overwritten before they were read
  kCopyLagNs,     // of an arbiter's feeds: sum of what their copies came behind the first
  kReserved1,
  kCount
};

class Stats {
 public:
  static constexpr size_t kCountersOffset = 64;
  static constexpr size_t kMalformedOffset = kCountersOffset + static_cast<size_t>(Counter::kCount) * 8;
  static constexpr size_t kHistogramsOffset = 512;
  static constexpr size_t kBytesTotal = kHistogramsOffset + 3 * Histogram::kBytes;
  static_assert(kMalformedOffset + static_cast<size_t>(decode::Malformed::kCount) * 8 <= kHistogramsOffset);

  explicit Stats(std::span<uint8_t> memory) noexcept
      : kernel_to_native(memory.data() + kHistogramsOffset),
        native_to_ring(memory.data() + kHistogramsOffset + Histogram::kBytes),
        base_(memory.data()) {}

  void add(Counter c, uint64_t n = 1) noexcept { bump(kCountersOffset + static_cast<size_t>(c) * 8, n); }
  void add_shared(Counter c, uint64_t n = 1) noexcept {
    u64(kCountersOffset + static_cast<size_t>(c) * 8).fetch_add(n, std::memory_order_relaxed);
  }
  void add(decode::Malformed kind, uint64_t n = 1) noexcept {
    bump(kMalformedOffset + static_cast<size_t>(kind) * 8, n);
    add(Counter::kMalformed, n);
  }
  [[nodiscard]] uint64_t get(Counter c) const noexcept {
    return u64(kCountersOffset + static_cast<size_t>(c) * 8).load(std::memory_order_relaxed);
  }

  [[nodiscard]] State state() const noexcept {
    return static_cast<State>(state_word().load(std::memory_order_acquire));
  }
  // The one way states change: fails when another thread was faster.
  [[nodiscard]] bool transition(State from, State to) noexcept {
    auto expected = static_cast<uint32_t>(from);
    return state_word().compare_exchange_strong(expected, static_cast<uint32_t>(to), std::memory_order_acq_rel);
  }

  // Which of its greetings a feed sent on the connection that is open.
  void set_greeting(uint32_t number) noexcept {
    reinterpret_cast<std::atomic<uint32_t>*>(base_)[2].store(number, std::memory_order_release);
  }

  Histogram kernel_to_native;
  Histogram native_to_ring;

 private:
  void bump(size_t offset, uint64_t n) noexcept {
    auto& w = u64(offset);
    w.store(w.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  [[nodiscard]] std::atomic<uint64_t>& u64(size_t offset) const noexcept {
    return *reinterpret_cast<std::atomic<uint64_t>*>(base_ + offset);
  }
  [[nodiscard]] std::atomic<uint32_t>& state_word() const noexcept {
    return *reinterpret_cast<std::atomic<uint32_t>*>(base_);
  }
  uint8_t* base_;
};

}  // namespace tickwire::feed
