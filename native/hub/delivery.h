// Serves a subscriber that is not in step: private bytes, then what precedes its topics, then the ring from its cursor
// on, for as long as its socket takes data and its share of the turn lasts.
#pragma once
#include <cstdint>
#include <vector>

#include "hub/frame_output.h"
#include "hub/lane_group.h"
#include "hub/subscriber.h"
#include "ws/byte_buffer.h"

namespace tickwire::hub {

class BroadcastLoop;

class Delivery {
 public:
  explicit Delivery(BroadcastLoop& loop) : loop_(loop) {}

  // Goes on until the socket is full, it has caught up (and is in step again), or the turn is over. The connection may
  // be gone afterwards (Subscriber::open).
  void serve(Subscriber& s);
  void on_writable(Subscriber& s);
  // Appends private bytes and sends what can be sent.
  void tell(Subscriber& s, std::span<const uint8_t> bytes);
  // False when the socket takes no more or the connection broke, which then was seen to.
  [[nodiscard]] bool went(Subscriber& s, Sent sent);
  void ended(const Subscriber& s) noexcept;
  // What was written and has not reached the client.
  [[nodiscard]] static size_t unsent(const Subscriber& s) noexcept;

  // For kListed subscribers: which entries are for it. Valid until the next call for another.
  class Wanted {
   public:
    [[nodiscard]] bool operator()(uint64_t index, const Entry& entry) const;
    // With the publication's mutex held.
    [[nodiscard]] bool value(const ValueSlot& slot) const;

   private:
    friend class Delivery;
    Subscriber* s_ = nullptr;
    LaneGroup* group_ = nullptr;
    const std::vector<uint32_t>* places_ = nullptr;
  };
  [[nodiscard]] Wanted wanted_by(Subscriber& s);
  // Bytes that wait for it between its cursor and the end of the present pass.
  [[nodiscard]] uint64_t count_lag(Subscriber& s);
  // The same of a kScanned one, of which only what is new since the last time is looked at.
  [[nodiscard]] uint64_t counted_lag(Subscriber& s);

 private:
  enum class Step : uint8_t { kMore, kCaughtUp, kStop };
  [[nodiscard]] Step step(Subscriber& s, size_t& budget);
  [[nodiscard]] Step from_ring(Subscriber& s, size_t& budget);
  [[nodiscard]] Step region(Subscriber& s, size_t& budget);
  [[nodiscard]] Step scan(Subscriber& s, size_t& budget);
  [[nodiscard]] Step compress(Subscriber& s, size_t& budget);
  [[nodiscard]] uint64_t lag_between(Subscriber& s, uint64_t from);

  BroadcastLoop& loop_;
  std::vector<uint32_t> places_;  // by topic: the subscription's place + 1, of the subscriber asked about last
  std::vector<TopicId> filled_;
  ws::ByteBuffer packed_;
};

}  // namespace tickwire::hub
