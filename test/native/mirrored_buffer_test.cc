#include "base/mirrored_buffer.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

using namespace tickwire;

namespace {

size_t smallest() { return std::max(static_cast<size_t>(sysconf(_SC_PAGESIZE)), MirroredBuffer::kOverread); }

int open_descriptors() {
  int n = 0;
  for (int fd = 0; fd < 1024; ++fd) n += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return n;
}

}  // namespace

TEST_CASE("sizes are rounded up to a power of two of whole pages") {
  const size_t page = smallest();
  const struct {
    size_t asked, got;
  } table[] = {
      {0, page},
      {1, page},
      {page, page},
      {page + 1, 2 * page},
      {2 * page, 2 * page},
      {3 * page, 4 * page},
      {16 * page - 1, 16 * page},
      {16 * page, 16 * page},
      {16 * page + 1, 32 * page},
      {size_t{1} << 26, size_t{1} << 26},
  };
  for (const auto& row : table) {
    Result<MirroredBuffer> buffer = MirroredBuffer::create(row.asked);
    REQUIRE(buffer.ok());
    CHECK(buffer.value().capacity() == row.got);
    CHECK(reinterpret_cast<uintptr_t>(buffer.value().data()) % page == 0);
  }
}

TEST_CASE("both copies and the tail are the same memory") {
  Result<MirroredBuffer> created = MirroredBuffer::create(4 * smallest());
  REQUIRE(created.ok());
  MirroredBuffer& buffer = created.value();
  uint8_t* const data = buffer.data();
  const size_t n = buffer.capacity();
  CHECK(std::all_of(data, data + 2 * n + MirroredBuffer::kOverread, [](uint8_t b) { return b == 0; }));

  std::mt19937 random(1);
  std::vector<uint8_t> model(n);
  for (int i = 0; i < 2000; ++i) {
    const size_t at = random() % n;
    const size_t length = std::min<size_t>(random() % 300 + (i % 10 == 0 ? n - 300 : 0), n);
    std::vector<uint8_t> bytes(length);
    for (uint8_t& b : bytes) b = static_cast<uint8_t>(random());
    std::copy(bytes.begin(), bytes.end(), data + at);  // runs over the seam for large `at`
    for (size_t k = 0; k < length; ++k) model[(at + k) % n] = bytes[k];
    if (i % 50 == 0) {
      REQUIRE(std::memcmp(data, model.data(), n) == 0);
      REQUIRE(std::memcmp(data + n, model.data(), n) == 0);
      REQUIRE(std::memcmp(data + 2 * n, model.data(), MirroredBuffer::kOverread) == 0);
    }
  }
  data[2 * n] = 0xA5;  // the tail is the beginning, also for writers
  CHECK(data[0] == 0xA5);
  CHECK(data[n] == 0xA5);
}

TEST_CASE("moving hands the memory over and leaves nothing") {
  MirroredBuffer a = std::move(MirroredBuffer::create(1).value());
  a.data()[3] = 42;
  uint8_t* const where = a.data();
  MirroredBuffer b(std::move(a));
  CHECK(b.data() == where);
  CHECK(a.data() == nullptr);  // NOLINT(bugprone-use-after-move)
  CHECK(a.capacity() == 0);

  MirroredBuffer c = std::move(MirroredBuffer::create(1).value());
  c = std::move(b);  // unmaps what c had
  CHECK(c.data() == where);
  CHECK(c.data()[c.capacity() + 3] == 42);
  MirroredBuffer& same = c;
  c = std::move(same);
  CHECK(c.data() == where);
  CHECK(c.data()[3] == 42);
}

TEST_CASE("two buffers share nothing") {
  MirroredBuffer a = std::move(MirroredBuffer::create(1).value());
  MirroredBuffer b = std::move(MirroredBuffer::create(1).value());
  std::memset(a.data(), 1, 2 * a.capacity());
  std::memset(b.data(), 2, 2 * b.capacity());
  CHECK(a.data()[0] == 1);
  CHECK(a.data()[2 * a.capacity() + MirroredBuffer::kOverread - 1] == 1);
}

TEST_CASE("a size beyond the limit is refused") {
  for (const size_t bytes : {MirroredBuffer::kMaxBytes + 1, SIZE_MAX / 2, SIZE_MAX}) {
    const Result<MirroredBuffer> buffer = MirroredBuffer::create(bytes);
    REQUIRE(!buffer.ok());
    CHECK(buffer.error().code == Errc::kSystem);
    CHECK(buffer.error().detail == EINVAL);
  }
}

TEST_CASE("nothing is left behind: no descriptor, no mapping") {
  const int before = open_descriptors();
  // Without unmapping, 64 MiB each would use up the address space long before the end.
  for (int i = 0; i < 3000; ++i) {
    Result<MirroredBuffer> buffer = MirroredBuffer::create(size_t{1} << 26);
    REQUIRE(buffer.ok());
    buffer.value().data()[0] = 1;
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("running out of descriptors is reported as that") {
  rlimit old{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &old) == 0);
  rlimit none = old;
  none.rlim_cur = 0;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  const Result<MirroredBuffer> buffer = MirroredBuffer::create(1);
  REQUIRE(setrlimit(RLIMIT_NOFILE, &old) == 0);
  if (!buffer.ok()) CHECK(buffer.error().code == Errc::kTooManyFiles);  // where no descriptor is needed it succeeds
}
