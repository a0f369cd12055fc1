#include "hub/admission.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

using namespace tickwire;
using namespace tickwire::hub;

namespace {

constexpr int64_t kSecond = 1'000'000'000;

SocketAddress at(const std::string& host) { return SocketAddress::parse(host, 1234).value(); }

struct Door {
  explicit Door(const AdmissionLimits& limits) : admission(Admission::create(limits, 42)) {}
  Refusal knock(const std::string& host, int64_t now_ns = 0) {
    auto verdict = admission->admit(at(host), now_ns);
    CHECK(static_cast<bool>(verdict.ticket) == (verdict.refusal == Refusal::kNone));
    if (verdict.ticket) inside.push_back(std::move(verdict.ticket));
    return verdict.refusal;
  }
  std::shared_ptr<Admission> admission;
  std::vector<Admission::Ticket> inside;
};

}  // namespace

TEST_CASE("admission: by what an address counts") {
  const auto key = [](const char* host) { return AddressKey::of(at(host)); };
  CHECK(key("10.0.0.1") == key("10.0.0.1"));
  CHECK(key("10.0.0.1") != key("10.0.0.2"));
  CHECK(key("::ffff:10.0.0.1") == key("10.0.0.1"));
  CHECK(key("2001:db8:1:2::1") == key("2001:db8:1:2:ffff::9"));
  CHECK(key("2001:db8:1:2::1") != key("2001:db8:1:3::1"));
  CHECK(key("::1") != key("0.0.0.0"));
}

TEST_CASE("admission: connections in total, per address, in their handshake") {
  Door door({.connections = 4, .connections_per_address = 2, .pending = 3});
  CHECK(door.knock("10.0.0.1") == Refusal::kNone);
  CHECK(door.knock("10.0.0.1") == Refusal::kNone);
  CHECK(door.knock("10.0.0.1") == Refusal::kAddressConnections);
  CHECK(door.knock("10.0.0.2") == Refusal::kNone);
  CHECK(door.knock("10.0.0.3") == Refusal::kPending);
  door.inside[0].handshaken();
  door.inside[0].handshaken();  // counts once
  CHECK(door.knock("10.0.0.3") == Refusal::kNone);
  CHECK(door.admission->standing().pending == 3);
  door.inside[1].handshaken();
  CHECK(door.knock("10.0.0.4") == Refusal::kConnections);
  CHECK(door.admission->standing().connections == 4);
  door.inside.erase(door.inside.begin());
  CHECK(door.knock("10.0.0.4") == Refusal::kNone);
  door.inside.clear();
  CHECK(door.admission->standing().connections == 0);
  CHECK(door.admission->standing().pending == 0);
}

TEST_CASE("admission: rates") {
  Door door({.accepts = {.per_second = 10, .burst = 4}, .attempts_per_address = {.per_second = 2, .burst = 3}});
  for (int i = 0; i < 3; ++i) CHECK(door.knock("10.0.0.1") == Refusal::kNone);
  for (int i = 0; i < 100; ++i) CHECK(door.knock("10.0.0.1") == Refusal::kAddressRate);
  CHECK(door.knock("10.0.0.2") == Refusal::kNone);  // the flood has cost the others nothing
  CHECK(door.knock("10.0.0.2") == Refusal::kRate);
  CHECK(door.knock("10.0.0.1", kSecond / 2) == Refusal::kNone);  // one token after half a second
  CHECK(door.knock("10.0.0.1", kSecond / 2) == Refusal::kAddressRate);
  CHECK(door.knock("10.0.0.1", kSecond / 4) == Refusal::kAddressRate);  // a clock that another thread has read earlier
  int admitted = 0;
  for (int i = 0; i < 100; ++i) {
    if (door.knock("10.1.0." + std::to_string(i), 100 * kSecond) == Refusal::kNone) ++admitted;
  }
  CHECK(admitted == 4);  // the burst, however long it was quiet
}

TEST_CASE("admission: a rate below one per second") {
  Door door({.attempts_per_address = {.per_second = 0.5, .burst = 0}});
  CHECK(door.knock("10.0.0.1") == Refusal::kNone);
  CHECK(door.knock("10.0.0.1", kSecond) == Refusal::kAddressRate);
  CHECK(door.knock("10.0.0.1", 2 * kSecond) == Refusal::kNone);
}

TEST_CASE("admission: the table is bounded, whoever knocks") {
  Door door({.connections = 8, .attempts_per_address = {.per_second = 1, .burst = 2}, .addresses = 16});
  CHECK(door.knock("10.9.9.9") == Refusal::kNone);  // stays connected
  CHECK(door.knock("10.9.9.9") == Refusal::kNone);
  std::vector<Admission::Ticket> kept = std::move(door.inside);
  for (int i = 0; i < 1000; ++i) {
    static_cast<void>(door.knock("2001:db8:0:" + std::to_string(i) + "::1"));
    door.inside.clear();
    CHECK(door.admission->standing().addresses <= 16);
  }
  CHECK(door.knock("10.9.9.9") == Refusal::kAddressRate);  // not forgotten
  CHECK(door.knock("2001:db8:0:999::2") == Refusal::kNone);
  CHECK(door.knock("2001:db8:0:999::3") == Refusal::kAddressRate);  // nor the latest
  CHECK(door.knock("2001:db8:0:1::2") == Refusal::kNone);           // the quietest are
}

TEST_CASE("admission: tickets move, and may go on any thread") {
  const auto admission =
      Admission::create({.connections = 1'000'000, .connections_per_address = 1'000'000, .pending = 1'000'000}, 7);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&admission, t] {
      std::vector<Admission::Ticket> mine;
      for (int i = 0; i < 2000; ++i) {
        auto verdict = admission->admit(at("10.0." + std::to_string(t) + "." + std::to_string(i % 200)), i);
        if (i % 3 == 0) verdict.ticket.handshaken();
        if (!mine.empty() && i % 2 == 0) {
          mine.back() = std::move(verdict.ticket);
        } else {
          mine.push_back(std::move(verdict.ticket));
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(admission->standing().connections == 0);
  CHECK(admission->standing().pending == 0);
}
