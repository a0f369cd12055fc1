#include <doctest/doctest.h>

#include "hub/hub.h"

using tickwire::hub::TopicAccess;

TEST_CASE("topic access: exact names and prefixes, nothing else") {
  const TopicAccess access{{"BTCUSDT", "book.*"}};
  CHECK(access.allows("BTCUSDT"));
  CHECK(access.allows("book."));
  CHECK(access.allows("book.ETHUSDT"));
  CHECK_FALSE(access.allows("BTCUSD"));
  CHECK_FALSE(access.allows("BTCUSDTX"));
  CHECK_FALSE(access.allows("book"));
  CHECK_FALSE(access.allows("*"));
  CHECK_FALSE(access.allows(""));
}

TEST_CASE("topic access: a lone star allows everything, no pattern nothing") {
  CHECK(TopicAccess{{"*"}}.allows("anything"));
  CHECK(TopicAccess{{"*"}}.allows("*"));
  CHECK_FALSE(TopicAccess{}.allows("anything"));
}
