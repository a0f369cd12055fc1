// One event ring between one loop and one JS context, with what belongs to it: interned symbols, the way to wake the
// reader, the feeds that publish into it.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/event_ring.h"
#include "base/waker.h"
#include "decode/symbol_table.h"
#include "loop/loop.h"

namespace tickwire::feed {

// Told on the loop's thread that the reader has freed room in the ring.
class SpaceListener {
 public:
  virtual void on_space() = 0;

 protected:
  ~SpaceListener() = default;
};

// Something that publishes into a channel and lives on its loop: destroyed on the loop's thread, before the channel.
class ChannelTenant {
 public:
  virtual ~ChannelTenant() = default;
  // The number that its records carry; unique among the tenants of a channel.
  [[nodiscard]] virtual uint16_t handle() const noexcept = 0;
};

// Lives on the loop's thread.
class Channel {
 public:
  Channel(Loop& loop, EventRing ring, std::span<uint8_t> symbol_memory, uint32_t max_symbols, Waker* waker);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  [[nodiscard]] Loop& loop() noexcept { return loop_; }
  [[nodiscard]] EventRing& ring() noexcept { return ring_; }
  [[nodiscard]] decode::SymbolTable& symbols() noexcept { return symbols_; }
  [[nodiscard]] uint32_t max_symbols() const noexcept { return max_symbols_; }

  // Publishes what was committed and wakes the reader when it sleeps. True when a wake-up was sent.
  bool flush() noexcept {
    if (!ring_.publish_and_check_sleeper()) return false;
    if (waker_ != nullptr) waker_->wake();
    return true;
  }

  // Registers for on_space() and tells the reader to report room. The caller must look for room once more afterwards;
  // see EventRing::announce_starved().
  void wait_for_space(SpaceListener& listener);
  void stop_waiting(SpaceListener& listener) noexcept;
  // The reader has freed room.
  void on_nudge();

 private:
  Loop& loop_;
  EventRing ring_;
  decode::SymbolTable symbols_;
  uint32_t max_symbols_;
  Waker* waker_;
  std::vector<SpaceListener*> waiting_;
  std::vector<SpaceListener*> serving_;
};

}  // namespace tickwire::feed
