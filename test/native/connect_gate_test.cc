#include "feed/connect_gate.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <thread>
#include <vector>

using tickwire::feed::ConnectGate;

TEST_CASE("connect gate: so many at once, then each when the oldest is out of the time") {
  ConnectGate gate(3, 100);
  CHECK(gate.take(1'000) == 1'000);
  CHECK(gate.take(1'010) == 1'010);
  CHECK(gate.take(1'010) == 1'010);
  CHECK(gate.take(1'020) == 1'100);
  CHECK(gate.take(1'020) == 1'110);
  CHECK(gate.take(1'020) == 1'110);
  CHECK(gate.take(1'020) == 1'200);
  CHECK(gate.take(5'000) == 5'000);
}

TEST_CASE("connect gate: nobody before the peer wants somebody again") {
  ConnectGate gate(2, 100);
  CHECK(gate.take(1'000) == 1'000);
  CHECK_FALSE(gate.is_held(1'000));
  gate.hold(5'000);
  gate.hold(4'000);
  CHECK(gate.is_held(4'999));
  CHECK_FALSE(gate.is_held(5'000));
  CHECK(gate.take(1'010) == 5'000);
  CHECK(gate.take(1'010) == 5'000);
  CHECK(gate.take(1'010) == 5'100);
}

TEST_CASE("connect gate: never more than its limit within any such time, from several threads") {
  const auto gate = ConnectGate::of({"test", 7, 1'000, {}});
  CHECK(ConnectGate::of({"test", 7, 1'000, {}}) == gate);
  CHECK(ConnectGate::of({"test", 8, 1'000, {}}) != gate);
  CHECK(ConnectGate::of({"other", 7, 1'000, {}}) != gate);
  std::vector<std::vector<int64_t>> times(4);
  std::vector<std::thread> threads;
  for (auto& mine : times) {
    threads.emplace_back([&mine, gate] {
      for (int64_t now = 0; now < 20'000; now += 97) mine.push_back(gate->take(now));
    });
  }
  for (auto& thread : threads) thread.join();
  std::vector<int64_t> all;
  for (const auto& mine : times) all.insert(all.end(), mine.begin(), mine.end());
  std::sort(all.begin(), all.end());
  for (size_t i = 7; i < all.size(); ++i) REQUIRE(all[i] - all[i - 7] >= 1'000);
}
