// A channel with its reader, for tests of what publishes into it.
#pragma once
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <vector>

#include "base/waker.h"
#include "feed/channel.h"
#include "feed/stats.h"
#include "loop/loop.h"
#include "ring_reader.h"

namespace tickwire::test {

struct CountingWaker final : Waker {
  void wake() noexcept override {
    calls.fetch_add(1);
    if (meanwhile) meanwhile();
  }
  std::atomic<int> calls{0};
  std::function<void()> meanwhile;  // what the reader could see by now
};

inline std::unique_ptr<Loop> make_loop() {
  auto loop = Loop::create();
  REQUIRE(loop.ok());
  return std::move(loop.value());
}

inline EventRing make_ring(RingMemory& memory) {
  auto ring = EventRing::format(memory.span());
  REQUIRE(ring.ok());
  return ring.value();
}

struct ChannelRig {
  explicit ChannelRig(size_t ring_bytes = EventRing::kMinCapacity, bool wakes = true)
      : memory(ring_bytes),
        loop(make_loop()),
        channel(*loop, make_ring(memory), {reinterpret_cast<uint8_t*>(symbols.data()), symbols.size() * 8}, kMaxSymbols,
                wakes ? &waker : nullptr),
        reader(memory.span()) {}

  void put(uint32_t bytes) {
    uint8_t* at = channel.ring().reserve(bytes);
    REQUIRE(at != nullptr);
    std::memset(at, 0, bytes);
    const uint64_t header = record_header(bytes, RecordKind::kRow, 0, 0);
    std::memcpy(at, &header, 8);
    channel.ring().commit(bytes);
  }

  static constexpr uint32_t kMaxSymbols = 256;
  RingMemory memory;
  std::vector<uint64_t> symbols = std::vector<uint64_t>(2048);
  CountingWaker waker;
  std::unique_ptr<Loop> loop;
  feed::Channel channel;
  RingReader reader;
};

struct StatsMemory {
  [[nodiscard]] std::span<uint8_t> span() { return {reinterpret_cast<uint8_t*>(words.data()), words.size() * 8}; }
  [[nodiscard]] uint64_t get(feed::Counter c) {
    auto* word = reinterpret_cast<std::atomic<uint64_t>*>(span().data() + feed::Stats::kCountersOffset +
                                                          static_cast<size_t>(c) * 8);
    return word->load(std::memory_order_relaxed);
  }
  [[nodiscard]] feed::State state() {
    return static_cast<feed::State>(
        reinterpret_cast<std::atomic<uint32_t>*>(span().data())->load(std::memory_order_acquire));
  }
  std::vector<uint64_t> words = std::vector<uint64_t>((feed::Stats::kBytesTotal + 7) / 8);
};

}  // namespace tickwire::test
