// Books allocate nothing per event once they are warm: changes, gaps, kept events, snapshots, checksums.
#include <doctest/doctest.h>

#include "allocation_count.h"
#include "book_venue_sim.h"

using namespace tickwire::book;
using namespace tickwire::book::testing;

TEST_CASE("books: nothing is allocated once warm") {
  for (const Venue venue :
       {Venue::kBinanceSpot, Venue::kBinanceUsdm, Venue::kBybit, Venue::kOkx, Venue::kKraken, Venue::kCoinbase}) {
    CAPTURE(static_cast<int>(venue));
    Policy policy = rules_of(venue);
    VenueSim sim(venue, policy, 3);
    std::vector<Message> messages;
    const Message first = sim.snapshot();
    for (int i = 0; i < 400; ++i) messages.push_back(sim.step());
    const Message last = sim.snapshot();
    BookSync sync(policy);
    sync.hold(4);
    size_t applied = 0;
    size_t stale = 0;
    const auto note = [&](const Outcome& outcome) {
      if (outcome.action == Action::kApplied) ++applied;
      if (outcome.action == Action::kStale) ++stale;
    };
    const auto show = [&](const Message& message) { note(sync.on_event(message.event())); };
    const auto round = [&] {
      sync.disconnected();
      sync.connected();
      show(first);
      for (size_t i = 0; i < messages.size(); ++i) {
        if (i % 7 == 3) std::swap(messages[i], messages[i + 1 < messages.size() ? i + 1 : i]);
        show(messages[i]);
        if (i % 3 == 0) show(messages[i]);
        if (i == 200) note(sync.lose(Reason::kLost));
        if (i == 300) show(last);
      }
    };
    for (int i = 0; i < 4; ++i) round();  // the order of the messages differs from round to round
    REQUIRE(applied > 100);
    REQUIRE(stale >= 4);
    const size_t before = tickwire::testing::allocations();
    round();
    CHECK(tickwire::testing::allocations() == before);
    if (tickwire::testing::kCountsAllocations) CHECK(before > 0);  // the counter counts
  }
}
