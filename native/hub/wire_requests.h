// The control messages of wire clients (docs/wire-format.md).
#pragma once
#include <cstdint>
#include <string_view>

#include "hub/subscriber.h"
#include "wire/control.h"
#include "wire/frame_parser.h"

namespace tickwire::hub {

class BroadcastLoop;

class WireRequests {
 public:
  explicit WireRequests(BroadcastLoop& loop) : loop_(loop) {}
  void welcome(Subscriber& s);
  void handle(Subscriber& s, const wire::Frame& frame);

 private:
  void subscribe(Subscriber& s, const wire::Subscribe& request);
  void unsubscribe(Subscriber& s, const wire::Unsubscribe& request);
  void resend(Subscriber& s, const wire::Resend& request);
  void resend_range(Subscriber& s, uint32_t request, const wire::Range& range, size_t& bytes);
  [[nodiscard]] uint64_t find(Subscriber& s, TopicId topic, uint64_t sequence);
  void refuse(Subscriber& s, uint32_t request, wire::ErrorCode code, std::string_view text);
  void refuse_resend(Subscriber& s, uint32_t request, const wire::Range& range, wire::RefusedWhy why, uint64_t oldest);

  BroadcastLoop& loop_;
};

}  // namespace tickwire::hub
