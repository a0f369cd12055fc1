// In the steady state neither publishing nor delivering allocates, whatever the subscribers are like.
#include <doctest/doctest.h>

#include <deque>
#include <string>
#include <vector>

#include "allocation_count.h"
#include "hub_wire_rig.h"

using namespace tickwire;
using namespace tickwire::hub_rig;

namespace {

SubscriberInfo filtered(SubscriberInfo info) {
  info.keys = {"x"};
  return info;
}

SubscriberInfo deflating(SubscriberInfo info) {
  info.lane = Lane::kWsDeflate;
  info.deflate = ws::DeflateParams{};
  return info;
}

// The client's part must not allocate either.
void swallow(const ClientEnd& client) {
  static char buffer[65536];
  while (recv(client.fd(), buffer, sizeof buffer, 0) > 0) {
  }
}

}  // namespace

TEST_CASE("hub: nothing is allocated per message once warm") {
  HubOptions options = quick_options();
  options.liveness.heartbeat_ns = 0;
  options.slow.pending_bytes = 64u << 10;
  for (const SlowPolicy policy : {SlowPolicy::kSkip, SlowPolicy::kConflate}) {
    CAPTURE(static_cast<int>(policy));
    options.slow.then = policy;
    HubRig rig(options);
    TopicOptions retaining;
    retaining.retain = Retain::kLast;
    const TopicId a = rig.topic("a", retaining);
    const TopicId b = rig.topic("b");
    const KeyId x = rig.key("x");
    const KeyId y = rig.key("y");
    std::deque<ClientEnd> clients;
    for (const Lane lane : {Lane::kWs, Lane::kWire, Lane::kWsWire}) {
      clients.push_back(rig.connect(all_topics(lane)));
      clients.push_back(rig.connect(topics({"a"}, lane)));
      clients.push_back(rig.connect(topics({"a"}, lane)));
      clients.push_back(rig.connect(topics({"a", "b"}, lane)));
      clients.push_back(rig.connect(filtered(topics({"a", "b"}, lane))));
      clients.push_back(rig.connect(filtered(all_topics(lane))));
    }
    clients.push_back(rig.connect(deflating(all_topics())));
    clients.push_back(rig.connect(deflating(topics({"a"}))));
    // These read nothing and have the policy applied again and again.
    ClientEnd stuck = rig.connect_small(topics({"a"}), 4096);
    ClientEnd stuck_too = rig.connect_small(all_topics(), 4096);
    const QuoteMessage quote_x(a, x, 1);
    const QuoteMessage quote_y(b, y, 2);
    const std::string text(300, 't');
    Message raw;
    raw.topic = b;
    raw.payload = bytes_of(text);
    size_t failed = 0;
    const auto round = [&] {
      for (int i = 0; i < 200; ++i) {
        for (const Message* const m : {&quote_x.message(), &quote_y.message(), static_cast<const Message*>(&raw)}) {
          if (rig->publish(*m).status != PublishStatus::kPublished) ++failed;
        }
        if (i % 4 == 0) rig.run();
        if (i % 16 == 0) {
          for (const ClientEnd& client : clients) swallow(client);
        }
      }
      rig.run();
      for (const ClientEnd& client : clients) swallow(client);
    };
    for (int i = 0; i < 30; ++i) round();
    REQUIRE(rig->counters().slow == 2);
    const uint64_t deliveries = rig->counters().deliveries;
    const size_t before = tickwire::testing::allocations();
    for (int i = 0; i < 10; ++i) round();
    // Time decides how much a pass holds, so that one of a loop's buffers may still have to grow.
    CHECK(tickwire::testing::allocations() - before <= 4);
    CHECK(rig->counters().deliveries - deliveries > 10 * 600 * 8);
    CHECK(failed == 0);
    if (!tickwire::testing::kCountsAllocations) MESSAGE("allocations are not counted under a sanitizer");
  }
}
