// Waiting on a segment for a loop: told once for each wait, when there is something, and never otherwise.
#include "feed/shm_waiter.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cstring>
#include <memory>

#include "loop/loop.h"
#include "shm/reader.h"
#include "shm/writer.h"
#include "shm_place.h"

using namespace tickwire;
using tickwire::test::ShmDirectory;

namespace {

constexpr int64_t kMs = 1'000'000;

struct Rig {
  Rig() {
    shm::CreateOptions options;
    options.capacity = 1u << 16;
    auto made = shm::Writer::create(directory.place("x"), options);
    REQUIRE_MESSAGE(made.ok(), made.error().text);
    writer = std::move(made.value());
    auto opened = shm::Reader::open(directory.place("x"));
    REQUIRE_MESSAGE(opened.ok(), opened.error().text);
    reader = std::move(opened.value());
    auto looping = Loop::create();
    REQUIRE(looping.ok());
    loop = std::move(looping.value());
    auto started = feed::ShmWaiter::start(*loop, reader, [this] { ++news; });
    REQUIRE_MESSAGE(started.ok(), started.error().text);
    waiter = std::move(started.value());
  }
  void write(int count = 1) {
    for (int i = 0; i < count; ++i) {
      const uint8_t bytes[16] = {};
      REQUIRE(writer->append(bytes));
    }
    writer->publish();
  }
  [[nodiscard]] size_t read() {
    return reader->poll([](const shm::Record&) {});
  }
  // Until so much was told in all.
  void until(int told) {
    for (int i = 0; i < 20'000 && news < told; ++i) loop->run_once(kMs);
    REQUIRE(news == told);
  }
  // Longer than it takes the waiter to look for the writer twice.
  void idle() {
    const int64_t end = loop->refresh_now() + 120 * kMs;
    while (loop->refresh_now() < end) loop->run_once(kMs);
  }

  ShmDirectory directory;
  std::unique_ptr<shm::Writer> writer;
  std::shared_ptr<shm::Reader> reader;
  std::unique_ptr<Loop> loop;
  int news = 0;
  std::unique_ptr<feed::ShmWaiter> waiter;
};

}  // namespace

TEST_CASE("shm waiter: told once for each wait, however much there is") {
  Rig rig;
  rig.write();
  rig.idle();
  CHECK(rig.news == 0);  // nobody waits
  rig.waiter->wait();
  rig.until(1);  // it was there already
  CHECK(rig.read() == 1);
  for (int round = 2; round <= 200; ++round) {
    rig.waiter->wait();
    rig.write(round % 3 + 1);
    rig.until(round);
    // What comes now is read without waiting, and told by nobody.
    rig.write(2);
    CHECK(rig.read() == static_cast<size_t>(round % 3 + 3));
  }
  rig.idle();
  CHECK(rig.news == 200);
}

TEST_CASE("shm waiter: of nothing it tells nothing; of the writer's end, and of its own, once and not at all") {
  Rig rig;
  rig.waiter->wait();
  rig.idle();
  CHECK(rig.news == 0);
  rig.write();
  rig.until(1);
  CHECK(rig.read() == 1);
  rig.waiter->wait();
  rig.writer.reset();
  rig.until(2);
  CHECK(rig.reader->state() != shm::SegmentState::kLive);
  // A wait that is ended tells nobody, also when its news was under way.
  rig.waiter->wait();
  rig.waiter.reset();
  rig.idle();
  CHECK(rig.news == 2);
}
