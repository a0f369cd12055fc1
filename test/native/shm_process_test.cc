// Writers and readers in processes of their own, some of which are killed at any instruction.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "shm/parking.h"
#include "shm/reader.h"
#include "shm/writer.h"
#include "shm_memory.h"
#include "shm_place.h"

using namespace tickwire;
using namespace tickwire::shm;
using tickwire::test::intact;
using tickwire::test::payload_of;
using tickwire::test::ShmDirectory;

namespace {

// A process that runs `body` and ends with its result; killed when the test leaves it behind.
class Child {
 public:
  explicit Child(const std::function<int()>& body) : pid_(fork()) {
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) _exit(body());
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ > 0) (void)kill_now();
  }
  int kill_now() {
    ::kill(pid_, SIGKILL);
    return wait();
  }
  void signal(int number) const { ::kill(pid_, number); }
  int wait() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_;
};

// What processes tell each other by: it ends when nobody can write to it any more.
class Pipe {
 public:
  Pipe() { REQUIRE(pipe(ends_.data()) == 0); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close(ends_[0]);
    close_writer();
  }
  void close_writer() {
    if (ends_[1] >= 0) close(ends_[1]);
    ends_[1] = -1;
  }
  void write_byte() const {
    const char byte = 1;
    (void)!write(ends_[1], &byte, 1);  // who does not get it notices
  }
  // False at the end.
  [[nodiscard]] bool read_byte() const {
    char byte = 0;
    ssize_t got = 0;
    while ((got = read(ends_[0], &byte, 1)) < 0 && errno == EINTR) {
    }
    return got == 1;
  }

 private:
  std::array<int, 2> ends_{};
};

std::unique_ptr<Writer> create(const Place& place, uint64_t capacity) {
  auto writer = Writer::create(place, {.capacity = capacity});
  return writer.ok() ? std::move(writer.value()) : nullptr;
}

// Waits for the writer to be there.
std::unique_ptr<Reader> open_soon(const Place& place, From start) {
  for (int i = 0; i < 5000; ++i) {
    auto reader = Reader::open(place, {.start = start, .resume = From::kNewest});
    if (reader.ok()) return std::move(reader.value());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return nullptr;
}

struct Seen {
  uint64_t received = 0;
  uint64_t last = 0;
  bool whole = true;
  void operator()(const Record& record) {
    whole = whole && intact(record) && record.sequence > last;
    last = record.sequence;
    ++received;
  }
};

}  // namespace

TEST_CASE(
    "shm processes: a writer that is killed at any point leaves a ring that can be read and a name that can be taken") {
  const ShmDirectory directory;
  const Place place = directory.place("ticks");
  std::mt19937 random(5);
  uint64_t all = 0;
  uint64_t lost = 0;
  std::unique_ptr<Reader> reader;
  for (int round = 0; round < 200; ++round) {
    // Some with messages so long that the writer dies in the middle of one for certain.
    const size_t most = round % 2 == 0 ? 100 : 15'000;
    Child child([&] {
      auto writer = create(place, kMinCapacity);
      if (writer == nullptr) return 1;
      for (uint64_t n = 1;; ++n) {
        if (!writer->write(payload_of(n, n * 7919 % most))) return 2;
      }
    });
    if (reader == nullptr) reader = open_soon(place, From::kStart);
    REQUIRE(reader != nullptr);
    for (int i = 0; i < 5000 && !reader->writer_alive(); ++i) {
      const auto followed = reader->follow();
      REQUIRE(followed.ok());
      REQUIRE((reader->writer_alive() || !reader->pending()));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    REQUIRE(reader->writer_alive());
    Seen seen;
    const uint64_t lost_before = reader->lost();
    const int64_t until = mono_ns() + static_cast<int64_t>(random() % 2'000'000);
    while (mono_ns() < until) reader->poll(seen, 64);
    CHECK(child.kill_now() == 128 + SIGKILL);
    CHECK_FALSE(reader->writer_alive());
    reader->poll(seen);
    CHECK_FALSE(reader->pending());
    CHECK(reader->status() == Errc::kNone);
    CHECK(seen.whole);
    CHECK(seen.last == seen.received + reader->lost() - lost_before);
    all += seen.received;
    lost = reader->lost();
  }
  CHECK(all > 1000);
  MESSAGE(all << " records read, " << lost << " overwritten");
  CHECK(directory.files() <= 2);  // the last one, and one more when it died while it took the name
}

TEST_CASE("shm processes: readers that are killed, also while they sleep, are nothing to the writer") {
  const ShmDirectory directory;
  const Place place = directory.place("ticks");
  auto writer = create(place, kMinCapacity);
  REQUIRE(writer != nullptr);
  auto witness = open_soon(place, From::kNewest);
  REQUIRE(witness != nullptr);
  const auto sleep_and_read = [&] {
    auto reader = open_soon(place, From::kNewest);
    if (reader == nullptr) return 1;
    for (;;) {
      (void)reader->wait(-1);
      reader->poll([](const Record&) {});
    }
  };
  std::mt19937 random(9);
  for (int round = 0; round < 20; ++round) {
    Child one(sleep_and_read);
    Child two(sleep_and_read);
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    const uint64_t before = writer->sequence();
    for (int i = 0; i < 200; ++i) {
      REQUIRE(writer->write(payload_of(writer->sequence() + 1, random() % 200)));
      if (i == 100) (void)one.kill_now();
    }
    (void)two.kill_now();
    Seen seen;
    seen.last = before;
    witness->poll(seen);
    CHECK(seen.whole);
    CHECK(seen.received == 200);
  }
  // Whoever died asleep cost one wake-up, no more.
  REQUIRE(writer->write({}));
  CHECK_FALSE(anybody_parked(*writer->segment().park()));
  CHECK(witness->writer_alive());
}

TEST_CASE("shm processes: sleeping on both sides, and no wake-up is ever missed") {
  const ShmDirectory directory;
  const Place there = directory.place("there");
  const Place back = directory.place("back");
  constexpr uint64_t kRounds = 20'000;
  constexpr int64_t kLong = 20'000'000'000;
  const auto answer = [&](Reader& reader, uint64_t& count) {
    if (!reader.wait(kLong)) return false;
    count += reader.poll([](const Record&) {});
    return true;
  };
  auto ping = create(there, kMinCapacity);
  REQUIRE(ping != nullptr);
  Child child([&] {
    auto pong = create(back, kMinCapacity);
    auto in = open_soon(there, From::kStart);
    if (pong == nullptr || in == nullptr) return 1;
    uint64_t seen = 0;
    while (seen < kRounds) {
      if (!answer(*in, seen)) return 2;
      if (!pong->write({})) return 3;
    }
    return 0;
  });
  auto in = open_soon(back, From::kStart);
  REQUIRE(in != nullptr);
  const int64_t start = mono_ns();
  uint64_t seen = 0;
  for (uint64_t i = 1; i <= kRounds; ++i) {
    REQUIRE(ping->write({}));
    while (seen < i) REQUIRE(answer(*in, seen));
  }
  CHECK(child.wait() == 0);
  MESSAGE("round trip " << (mono_ns() - start) / static_cast<int64_t>(kRounds) << " ns");
}

TEST_CASE("shm processes: a writer that closes wakes those who sleep") {
  const ShmDirectory directory;
  const Place place = directory.place("ticks");
  auto writer = create(place, kMinCapacity);
  REQUIRE(writer != nullptr);
  Child child([&] {
    auto reader = open_soon(place, From::kNewest);
    if (reader == nullptr) return 1;
    if (reader->wait(30'000'000'000)) return 2;
    return reader->state() == SegmentState::kClosed ? 0 : 3;
  });
  while (!anybody_parked(*writer->segment().park())) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const int64_t start = mono_ns();
  writer->close();
  CHECK(child.wait() == 0);
  CHECK(mono_ns() - start < 5'000'000'000);
}

TEST_CASE("shm processes: a reader that may only read gets everything, and sleeps by the clock" *
          doctest::skip(geteuid() != 0)) {  // only root can become somebody else
  const ShmDirectory directory;
  std::filesystem::permissions(directory.path(), std::filesystem::perms::all);
  const Place place = directory.place("ticks");
  auto created = Writer::create(place, {.capacity = kMinCapacity, .mode = 0644});
  REQUIRE(created.ok());
  auto& writer = *created.value();
  const uint32_t owner = geteuid();
  Child child([&] {
    if (setgid(12345) != 0 || setuid(12345) != 0) return 1;
    if (Reader::open(place).ok()) return 2;  // by default: one's own
    Place theirs = place;
    theirs.owner = owner;
    auto reader = Reader::open(theirs, {.start = From::kStart});
    if (!reader.ok()) return 3;
    if (reader.value()->segment().park() != nullptr) return 4;
    Seen seen;
    while (seen.received < 1000) {
      if (!reader.value()->wait(20'000'000'000)) return 5;
      reader.value()->poll(seen);
    }
    if (!reader.value()->writer_alive()) return 6;
    return seen.whole && seen.last == 1000 ? 0 : 7;
  });
  for (uint64_t n = 1; n <= 1000; ++n) {
    REQUIRE(writer.write(payload_of(n, 50)));
    if (n % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(child.wait() == 0);
  writer.close();
  auto secret = create(place, kMinCapacity);
  REQUIRE(secret != nullptr);
  Child other([&] {
    if (setgid(12345) != 0 || setuid(12345) != 0) return 1;
    Place theirs = place;
    theirs.owner = owner;
    const auto reader = Reader::open(theirs);
    return !reader.ok() && reader.error().code == Errc::kShmPermission ? 0 : 2;
  });
  CHECK(other.wait() == 0);
}

TEST_CASE("shm processes: a writer that was stopped keeps its name; killed, it loses it") {
  const ShmDirectory directory;
  const Place place = directory.place("ticks");
  Child child([&] {
    auto writer = create(place, kMinCapacity);
    if (writer == nullptr) return 1;
    for (uint64_t n = 1;; ++n) {
      if (!writer->write(payload_of(n, 64))) return 2;
    }
  });
  auto reader = open_soon(place, From::kNewest);
  REQUIRE(reader != nullptr);
  child.signal(SIGSTOP);
  CHECK(reader->writer_alive());
  CHECK(Writer::create(place).error().code == Errc::kShmWriterActive);
  CHECK(child.kill_now() == 128 + SIGKILL);
  CHECK_FALSE(reader->writer_alive());
  CHECK(Writer::create(place, {.capacity = kMinCapacity}).ok());
}

TEST_CASE("shm processes: many want to be the writer, and one is") {
  const ShmDirectory directory;
  const Place place = directory.place("ticks");
  for (int round = 0; round < 20; ++round) {
    Pipe go;     // ends when all may try
    Pipe tried;  // a byte from each that has tried
    Pipe leave;  // ends when all have tried: so long the winner holds the name
    constexpr int kCandidates = 6;
    std::vector<std::unique_ptr<Child>> children;
    for (int i = 0; i < kCandidates; ++i) {
      children.push_back(std::make_unique<Child>([&] {
        go.close_writer();
        leave.close_writer();
        (void)go.read_byte();
        auto writer = Writer::create(place, {.capacity = kMinCapacity});
        tried.write_byte();
        tried.close_writer();
        if (!writer.ok()) return writer.error().code == Errc::kShmWriterActive ? 1 : 2;
        (void)leave.read_byte();
        const bool mine = writer.value()->segment().current();
        // Left as if killed: the next round has a stale segment to take over.
        _exit(mine ? 0 : 3);
      }));
    }
    tried.close_writer();
    go.close_writer();
    for (int i = 0; i < kCandidates; ++i) REQUIRE(tried.read_byte());
    leave.close_writer();
    int winners = 0;
    for (const auto& child : children) {
      const int code = child->wait();
      CHECK((code == 0 || code == 1));
      winners += code == 0 ? 1 : 0;
    }
    CHECK(winners == 1);
    CHECK(directory.files() == 1);
  }
}
