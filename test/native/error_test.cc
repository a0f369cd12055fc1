#include "base/error.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <memory>
#include <set>
#include <string>

using namespace tickwire;

TEST_CASE("every error code has one name of its own") {
  std::set<std::string> seen;
  for (uint16_t i = 0; i < static_cast<uint16_t>(Errc::kCount); ++i) {
    const std::string name = errc_name(static_cast<Errc>(i));
    CHECK(!name.empty());
    CHECK(name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == std::string::npos);
    CHECK_MESSAGE(seen.insert(name).second, name);
  }
}

TEST_CASE("names stay what users see") {
  CHECK(std::string(errc_name(Errc::kNone)) == "NONE");
  CHECK(std::string(errc_name(Errc::kSystem)) == "ERR_SYSTEM");
  CHECK(std::string(errc_name(Errc::kBrokenPipe)) == "EPIPE");
  CHECK(std::string(errc_name(Errc::kPongTimeout)) == "ERR_PONG_TIMEOUT");
  CHECK(std::string(errc_name(Errc::kInvalidUrl)) == "ERR_INVALID_URL");
}

TEST_CASE("a number that is no code has a name all the same") {
  CHECK(std::string(errc_name(Errc::kCount)) == "ERR_UNKNOWN");
  CHECK(std::string(errc_name(static_cast<Errc>(UINT16_MAX))) == "ERR_UNKNOWN");
}

TEST_CASE("errno values map to the codes that users look for") {
  const struct {
    int err;
    Errc code;
  } table[] = {
      {ECONNREFUSED, Errc::kConnRefused},
      {ECONNRESET, Errc::kConnReset},
      {EPIPE, Errc::kBrokenPipe},
      {ETIMEDOUT, Errc::kTimedOut},
      {EHOSTUNREACH, Errc::kHostUnreachable},
      {ENETUNREACH, Errc::kNetUnreachable},
      {EADDRNOTAVAIL, Errc::kAddrNotAvailable},
      {EMFILE, Errc::kTooManyFiles},
      {ENFILE, Errc::kTooManyFiles},
      {ENOMEM, Errc::kNoMemory},
      {EBADF, Errc::kSystem},
      {EINVAL, Errc::kSystem},
      {0, Errc::kSystem},  // whoever reports an error must not produce "none"
      {-1, Errc::kSystem},
      {123456, Errc::kSystem},
  };
  for (const auto& row : table) {
    const Error error = error_from_errno(row.err, "connect");
    CHECK(error.code == row.code);
    CHECK(error.detail == row.err);
    CHECK(error.text.rfind("connect: ", 0) == 0);
    CHECK(error.text.size() > std::string("connect: ").size());
    CHECK(static_cast<bool>(error));
  }
  CHECK(!static_cast<bool>(Error{}));
}

TEST_CASE("Result holds a value or an error") {
  Result<std::unique_ptr<int>> good(std::make_unique<int>(7));
  REQUIRE(good.ok());
  CHECK(*good.value() == 7);
  const std::unique_ptr<int> taken = std::move(good.value());
  CHECK(*taken == 7);

  const Result<std::string> bad(error_from_errno(EPIPE, "write"));
  REQUIRE(!bad.ok());
  CHECK(bad.error().code == Errc::kBrokenPipe);

  const Result<void> fine;
  CHECK(fine.ok());
  const Result<void> broken(error_from_errno(EMFILE, "socket"));
  CHECK(!broken.ok());
  CHECK(broken.error().detail == EMFILE);
}
