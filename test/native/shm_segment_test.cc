// Segments as files: names, owners, permissions, who may write, what is left behind.
#include "shm/segment.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "shm/reader.h"
#include "shm/writer.h"
#include "shm_memory.h"
#include "shm_place.h"

using namespace tickwire;
using namespace tickwire::shm;
using tickwire::test::ShmDirectory;

namespace {

std::unique_ptr<Writer> writer_at(const Place& place, const CreateOptions& options = {.capacity = kMinCapacity}) {
  auto writer = Writer::create(place, options);
  REQUIRE_MESSAGE(writer.ok(), writer.error().text);
  return std::move(writer.value());
}

std::unique_ptr<Reader> reader_at(const Place& place, const ReadOptions& options = {}) {
  auto reader = Reader::open(place, options);
  REQUIRE_MESSAGE(reader.ok(), reader.error().text);
  return std::move(reader.value());
}

Errc open_error(const Place& place) {
  const auto reader = Reader::open(place);
  return reader.ok() ? Errc::kNone : reader.error().code;
}

Errc create_error(const Place& place, const CreateOptions& options = {.capacity = kMinCapacity}) {
  const auto writer = Writer::create(place, options);
  return writer.ok() ? Errc::kNone : writer.error().code;
}

bool write_number(Writer& writer, uint64_t number) {
  std::array<uint8_t, 8> payload{};
  std::memcpy(payload.data(), &number, 8);
  return writer.write(payload);
}

std::vector<uint64_t> numbers(Reader& reader) {
  std::vector<uint64_t> seen;
  reader.poll([&](const Record& record) {
    uint64_t number = 0;
    REQUIRE(record.payload.size() == 8);
    std::memcpy(&number, record.payload.data(), 8);
    seen.push_back(number);
  });
  return seen;
}

int open_descriptors() {
  int n = 0;
  for (int fd = 0; fd < 1024; ++fd) n += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return n;
}

// A segment whose writer is gone without having closed it, as after kill -9: the file with a lock that nobody has.
void leave_behind(const ShmDirectory& directory, const std::string& name, uint64_t records) {
  auto writer = writer_at(directory.place(name));
  for (uint64_t i = 1; i <= records; ++i) REQUIRE(write_number(*writer, i));
  const std::string copy = directory.path() + "/copy";
  std::filesystem::copy_file(directory.file(name), copy);
  writer.reset();
  std::filesystem::rename(copy, directory.file(name));
}

}  // namespace

TEST_CASE("shm segment: one writer, readers that come and go, and a file that ends with the writer") {
  const ShmDirectory directory;
  const Place place = directory.place("ticks");
  CHECK(open_error(place) == Errc::kShmNotFound);
  auto writer = writer_at(place);
  CHECK(directory.files() == 1);
  struct stat status {};
  REQUIRE(stat(directory.file("ticks").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  CHECK(writer->segment().current());
  auto first = reader_at(place);
  CHECK(first->epoch() == writer->epoch());
  CHECK(first->writer_pid() == static_cast<uint32_t>(getpid()));
  CHECK(first->segment().identity().writer_start_ns == process_start_ns(static_cast<uint32_t>(getpid())));
  CHECK(first->writer_alive());
  REQUIRE(write_number(*writer, 1));
  auto second = reader_at(place, {.start = From::kOldest});
  REQUIRE(write_number(*writer, 2));
  CHECK(numbers(*first) == std::vector<uint64_t>{1, 2});
  CHECK(numbers(*second) == std::vector<uint64_t>{1, 2});
  CHECK(first->heartbeat_ns() == 0);
  writer->heartbeat(12345);
  CHECK(first->heartbeat_ns() == 12345);

  REQUIRE(write_number(*writer, 3));
  writer->close();
  CHECK_FALSE(write_number(*writer, 4));
  CHECK(writer->try_reserve(8) == nullptr);
  CHECK_FALSE(writer->append_table({}));
  CHECK(directory.files() == 0);
  CHECK(first->state() == SegmentState::kClosed);
  CHECK_FALSE(first->writer_alive());
  CHECK(numbers(*first) == std::vector<uint64_t>{3});  // still there for those who have it
  CHECK(open_error(place) == Errc::kShmNotFound);
}

TEST_CASE("shm segment: a second writer is refused while the first lives, also in one process") {
  const ShmDirectory directory;
  const Place place = directory.place("ticks");
  auto writer = writer_at(place);
  CHECK(create_error(place) == Errc::kShmWriterActive);
  CHECK(directory.files() == 1);
  CHECK(writer->segment().current());
  CHECK(create_error(directory.place("tocks")) == Errc::kNone);
  writer.reset();
  CHECK(create_error(place) == Errc::kNone);
}

TEST_CASE("shm segment: a new writer takes a stale name over, and readers follow it") {
  const ShmDirectory directory;
  const Place place = directory.place("ticks");
  leave_behind(directory, "ticks", 3);
  auto reader = reader_at(place, {.start = From::kOldest});
  CHECK_FALSE(reader->writer_alive());
  CHECK(reader->state() == SegmentState::kLive);
  auto nothing = reader->follow();
  REQUIRE(nothing.ok());
  CHECK(nothing.value() == Followed::kSame);
  const uint64_t before = reader->epoch();

  auto writer = writer_at(place, {.capacity = 2 * kMinCapacity});
  CHECK(directory.files() == 1);
  CHECK(writer->epoch() > before);
  CHECK(reader->state() == SegmentState::kRetired);
  REQUIRE(write_number(*writer, 10));
  auto early = reader->follow();
  REQUIRE(early.ok());
  CHECK(early.value() == Followed::kSame);  // the old records first
  CHECK(numbers(*reader) == std::vector<uint64_t>{1, 2, 3});
  auto followed = reader->follow();
  REQUIRE(followed.ok());
  CHECK(followed.value() == Followed::kReplaced);
  CHECK(reader->epoch() == writer->epoch());
  CHECK(reader->writer_alive());
  CHECK(numbers(*reader) == std::vector<uint64_t>{10});
  CHECK(reader->lost() == 0);

  writer.reset();
  const auto gone = reader->follow();
  CHECK((!gone.ok() && gone.error().code == Errc::kShmNotFound));
  writer = writer_at(place);
  for (uint64_t i = 1; i <= 100'000; ++i) REQUIRE(write_number(*writer, i));
  const auto again = reader->follow();
  REQUIRE((again.ok() && again.value() == Followed::kReplaced));
  CHECK(numbers(*reader).size() + reader->lost() == 100'000);
}

TEST_CASE("shm segment: what has the name but is no segment") {
  const ShmDirectory directory;
  const std::string path = directory.file("ticks");
  const Place place = directory.place("ticks");
  const auto put = [&](const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; };

  put("");
  CHECK(open_error(place) == Errc::kShmLayout);
  put("short");
  CHECK(open_error(place) == Errc::kShmLayout);
  put(std::string(300'000, '\xff'));
  CHECK(open_error(place) == Errc::kShmLayout);
  CHECK(create_error(place) == Errc::kNone);  // our own rubbish does not keep us from writing
  CHECK(directory.files() == 0);

  REQUIRE(symlink("/etc/passwd", path.c_str()) == 0);
  CHECK(open_error(place) == Errc::kShmLayout);
  CHECK(create_error(place) == Errc::kShmLayout);
  REQUIRE(unlink(path.c_str()) == 0);
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);
  CHECK(open_error(place) == Errc::kShmLayout);
  REQUIRE(unlink(path.c_str()) == 0);
  REQUIRE(mkdir(path.c_str(), 0700) == 0);
  CHECK(open_error(place) != Errc::kNone);
  CHECK(create_error(place) != Errc::kNone);
}

TEST_CASE("shm segment: every field of the header is checked against the others and the file") {
  const ShmDirectory directory;
  const Place place = directory.place("ticks");
  leave_behind(directory, "ticks", 10);
  const auto with = [&](auto change) {
    const int fd = ::open(directory.file("ticks").c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(fd >= 0);
    Identity good{};
    REQUIRE(pread(fd, &good, sizeof good, 0) == sizeof good);
    Identity bad = good;
    change(bad);
    REQUIRE(pwrite(fd, &bad, sizeof bad, 0) == sizeof bad);
    const Errc code = open_error(place);
    REQUIRE(pwrite(fd, &good, sizeof good, 0) == sizeof good);
    REQUIRE(close(fd) == 0);
    return code;
  };
  CHECK(with([](Identity&) {}) == Errc::kNone);
  CHECK(with([](Identity& i) { i.magic ^= 1; }) == Errc::kShmLayout);
  CHECK(with([](Identity& i) { i.version = 2; }) == Errc::kShmVersion);
  CHECK(with([](Identity& i) { i.capacity = 0; }) == Errc::kShmLayout);
  CHECK(with([](Identity& i) { i.capacity *= 2; }) == Errc::kShmLayout);
  CHECK(with([](Identity& i) { i.capacity /= 2; }) == Errc::kShmLayout);
  CHECK(with([](Identity& i) { i.capacity += 16; }) == Errc::kShmLayout);
  CHECK(with([](Identity& i) { i.capacity = uint64_t{1} << 63; }) == Errc::kShmLayout);
  CHECK(with([](Identity& i) { i.table_capacity = UINT64_MAX - 7; }) == Errc::kShmLayout);
  CHECK(with([](Identity& i) { i.table_capacity = 4; }) == Errc::kShmLayout);
  CHECK(with([](Identity& i) { i.data_offset = 0; }) == Errc::kShmLayout);
  CHECK(with([](Identity& i) { i.data_offset += 65536; }) == Errc::kShmLayout);
  CHECK(with([](Identity& i) { i.segment_bytes += 4096; }) == Errc::kShmLayout);
  CHECK(with([](Identity& i) { i.first_position = 8; }) == Errc::kShmLayout);
  REQUIRE(truncate(directory.file("ticks").c_str(), 100'000) == 0);
  CHECK(open_error(place) == Errc::kShmLayout);
  REQUIRE(truncate(directory.file("ticks").c_str(), 500'000) == 0);
  CHECK(open_error(place) == Errc::kShmLayout);
}

TEST_CASE("shm segment: names, sizes and modes that are refused") {
  const ShmDirectory directory;
  for (const char* name : {"", ".", "..", ".hidden", "a/b", "a b", "\xc3\xa4", "a\n",
                           "a1234567890123456789012345678901234567890123456789012345678901234"}) {
    CHECK(create_error(directory.place(name)) == Errc::kShmName);
    CHECK(open_error(directory.place(name)) == Errc::kShmName);
  }
  CHECK(create_error({.name = "ticks", .directory = "relative"}) == Errc::kShmName);
  CHECK(create_error({.name = "ticks", .directory = "/nowhere/at/all"}) == Errc::kShmNotFound);
  CHECK(create_error(directory.place("ticks"), {.capacity = kMaxCapacity + 1}) == Errc::kShmSize);
  CHECK(create_error(directory.place("ticks"), {.table_capacity = kMaxTableCapacity + 1}) == Errc::kShmSize);
  CHECK(create_error(directory.place("ticks"), {.first_position = 8}) == Errc::kShmSize);
  for (const uint32_t mode : {0u, 0400u, 0700u, 01600u, 0200u}) {
    CHECK(create_error(directory.place("ticks"), {.mode = mode}) == Errc::kShmPermission);
  }
  CHECK(directory.files() == 0);
  const std::string longest(64, 'x');
  CHECK(create_error(directory.place(longest)) == Errc::kNone);
}

TEST_CASE("shm segment: permissions are as asked for, whatever the umask") {
  const ShmDirectory directory;
  const mode_t before = umask(0077);
  auto writer = writer_at(directory.place("ticks"), {.capacity = kMinCapacity, .mode = 0644});
  umask(before);
  struct stat status {};
  REQUIRE(stat(directory.file("ticks").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0644);
}

// Only root can give files away.
TEST_CASE("shm segment: somebody else's segment" * doctest::skip(geteuid() != 0)) {
  const ShmDirectory directory;
  const Place place = directory.place("ticks");
  leave_behind(directory, "ticks", 1);
  REQUIRE(chown(directory.file("ticks").c_str(), 12345, 12345) == 0);
  CHECK(open_error(place) == Errc::kShmOwner);
  CHECK(create_error(place) == Errc::kShmOwner);
  const std::string theirs = directory.path() + "/tickwire.12345.ticks";
  std::filesystem::rename(directory.file("ticks"), theirs);
  Place of_them = place;
  of_them.owner = 12345;
  CHECK(open_error(of_them) == Errc::kNone);
  REQUIRE(chown(theirs.c_str(), 0, 0) == 0);
  CHECK(open_error(of_them) == Errc::kShmOwner);
  of_them.owner = int64_t{1} << 32;
  CHECK(open_error(of_them) == Errc::kShmOwner);
}

TEST_CASE("shm segment: more than the file system has room for") {
  // The limit on file sizes stands for a file system that is full.
  struct rlimit_guard {
    rlimit_guard() {
      REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
      rlimit small = before;
      small.rlim_cur = 1 << 20;
      REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
      signal(SIGXFSZ, SIG_IGN);
    }
    ~rlimit_guard() { (void)setrlimit(RLIMIT_FSIZE, &before); }
    rlimit before{};
  };
  const ShmDirectory directory;
  {
    const rlimit_guard guard;
    CHECK(create_error(directory.place("ticks"), {.capacity = 16 << 20}) == Errc::kShmNoSpace);
  }
  CHECK(directory.files() == 0);
  CHECK(create_error(directory.place("ticks"), {.capacity = 16 << 20}) == Errc::kNone);
}

TEST_CASE("shm segment: listing, and removing what nobody writes any more") {
  const ShmDirectory directory;
  auto alive = writer_at(directory.place("alive"));
  leave_behind(directory, "stale.one", 1);
  leave_behind(directory, "stale.two", 1);
  std::ofstream(directory.file("rubbish")) << "x";
  std::ofstream(directory.path() + "/unrelated") << "x";
  const std::string unfinished = directory.path() + "/tickwire-new." + std::to_string(geteuid()) + ".77-00ff.alive";
  std::ofstream(unfinished) << "x";

  auto listed = list_segments(directory.path(), kMe);
  REQUIRE(listed.ok());
  REQUIRE(listed.value().size() == 4);
  const auto& first = listed.value()[0];
  CHECK(first.name == "alive");
  CHECK((first.valid && first.alive));
  CHECK(first.epoch == alive->epoch());
  CHECK(first.writer_pid == static_cast<uint32_t>(getpid()));
  CHECK(first.capacity == kMinCapacity);
  CHECK(listed.value()[1].name == "rubbish");
  CHECK_FALSE(listed.value()[1].valid);
  CHECK(listed.value()[2].name == "stale.one");
  CHECK((listed.value()[2].valid && !listed.value()[2].alive));

  auto one = unlink_stale(directory.path(), "stale.one");
  REQUIRE(one.ok());
  CHECK(one.value() == std::vector<std::string>{"stale.one"});
  auto none = unlink_stale(directory.path(), "alive");
  REQUIRE(none.ok());
  CHECK(none.value().empty());
  CHECK(unlink_stale(directory.path(), "no/such").error().code == Errc::kShmName);
  auto rest = unlink_stale(directory.path(), "");
  REQUIRE(rest.ok());
  CHECK(rest.value() == std::vector<std::string>{"rubbish", "stale.two"});
  CHECK(directory.files() == 3);  // the one that is alive, the unrelated, and the unfinished, which is too young
  const timespec long_ago[2] = {{1, 0}, {1, 0}};
  REQUIRE(utimensat(AT_FDCWD, unfinished.c_str(), long_ago, 0) == 0);
  REQUIRE(create_error(directory.place("other")) == Errc::kNone);
  CHECK(directory.files() == 3);  // not of that name
  REQUIRE(create_error(directory.place("alive")) == Errc::kShmWriterActive);
  alive.reset();
  alive = writer_at(directory.place("alive"));
  CHECK(directory.files() == 2);
  CHECK(alive->segment().current());
}

TEST_CASE("shm segment: a thousand times open and closed leaves nothing behind") {
  const ShmDirectory directory;
  const Place place = directory.place("ticks");
  const int before = open_descriptors();
  for (int i = 0; i < 1000; ++i) {
    auto writer = writer_at(place);
    auto reader = reader_at(place);
    REQUIRE(write_number(*writer, 1));
    CHECK(numbers(*reader).size() == 1);
  }
  CHECK(open_descriptors() == before);
  CHECK(directory.files() == 0);
}
