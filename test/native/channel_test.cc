#include "feed/channel.h"

#include <doctest/doctest.h>

#include <functional>

#include "feed_fixture.h"

using namespace tickwire;
using namespace tickwire::feed;
using tickwire::test::ChannelRig;
using tickwire::test::CountingWaker;

namespace {

struct Listener final : SpaceListener {
  void on_space() override {
    ++calls;
    if (then) then();
  }
  int calls = 0;
  std::function<void()> then;
};

}  // namespace

TEST_CASE("channel: flush wakes only a reader that sleeps") {
  ChannelRig rig;
  CHECK_FALSE(rig.channel.flush());
  rig.put(16);
  CHECK_FALSE(rig.channel.flush());
  CHECK(rig.waker.calls == 0);
  CHECK(rig.reader.drain().size() == 1);
  REQUIRE(rig.reader.sleep());
  CHECK_FALSE(rig.channel.flush());  // nothing to read
  rig.put(16);
  rig.put(16);
  CHECK(rig.channel.flush());
  CHECK(rig.waker.calls == 1);
  rig.put(16);
  CHECK_FALSE(rig.channel.flush());
  CHECK(rig.waker.calls == 1);
  CHECK(rig.reader.drain().size() == 3);
}

TEST_CASE("channel: rows that were published without a look at the sleeper still wake it with the next flush") {
  ChannelRig rig;
  REQUIRE(rig.reader.sleep());
  rig.put(16);
  rig.channel.ring().publish();
  CHECK(rig.waker.calls == 0);
  CHECK(rig.reader.unread() == 16);
  CHECK(rig.channel.ring().unpublished());
  CHECK(rig.channel.flush());
  CHECK(rig.waker.calls == 1);
  CHECK_FALSE(rig.channel.ring().unpublished());
}

TEST_CASE("channel: a reader that polls needs no waker") {
  ChannelRig rig(EventRing::kMinCapacity, false);
  REQUIRE(rig.reader.sleep());
  rig.put(16);
  CHECK(rig.channel.flush());
  CHECK(rig.reader.drain().size() == 1);
}

TEST_CASE("channel: who waits for space is called once per nudge, and may register again") {
  ChannelRig rig;
  Listener a;
  Listener b;
  rig.channel.on_nudge();
  rig.channel.wait_for_space(a);
  rig.channel.wait_for_space(b);
  rig.channel.wait_for_space(a);
  rig.channel.on_nudge();
  CHECK(a.calls == 1);
  CHECK(b.calls == 1);
  rig.channel.on_nudge();
  CHECK(a.calls == 1);
  a.then = [&] { rig.channel.wait_for_space(a); };
  rig.channel.wait_for_space(a);
  rig.channel.on_nudge();
  CHECK(a.calls == 2);
  rig.channel.on_nudge();
  CHECK(a.calls == 3);
  CHECK(b.calls == 1);
}

TEST_CASE("channel: waiting publishes what is committed, or the reader would free nothing") {
  ChannelRig rig;
  Listener a;
  rig.put(64);
  CHECK(rig.reader.unread() == 0);
  REQUIRE(rig.reader.sleep());
  rig.channel.wait_for_space(a);
  CHECK(rig.reader.unread() == 64);
  CHECK(rig.waker.calls == 1);
  bool nudge = false;
  CHECK(rig.reader.drain(&nudge).size() == 1);
  CHECK(nudge);
}

TEST_CASE("channel: a listener that leaves is not called, whoever makes it leave") {
  ChannelRig rig;
  Listener a;
  Listener b;
  Listener c;
  rig.channel.wait_for_space(a);
  rig.channel.stop_waiting(a);
  rig.channel.on_nudge();
  CHECK(a.calls == 0);
  // The first one served takes the second away, and itself.
  a.then = [&] {
    rig.channel.stop_waiting(b);
    rig.channel.stop_waiting(a);
  };
  rig.channel.wait_for_space(a);
  rig.channel.wait_for_space(b);
  rig.channel.wait_for_space(c);
  rig.channel.on_nudge();
  CHECK(a.calls == 1);
  CHECK(b.calls == 0);
  CHECK(c.calls == 1);
  rig.channel.stop_waiting(c);  // not waiting: nothing happens
  rig.channel.on_nudge();
  CHECK(c.calls == 1);
}

TEST_CASE("channel: what listeners put into the ring is visible when the nudge is over") {
  ChannelRig rig;
  Listener a;
  a.then = [&] { rig.put(24); };
  rig.channel.wait_for_space(a);
  REQUIRE(rig.reader.sleep());
  rig.channel.on_nudge();
  CHECK(rig.waker.calls == 1);
  CHECK(rig.reader.drain().size() == 1);
}
