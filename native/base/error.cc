#include "base/error.h"

#include <cerrno>
#include <iterator>
#include <system_error>

namespace tickwire {
namespace {

constexpr const char* kNames[] = {
#define X(name, text) text,
    TICKWIRE_ERRORS(X)
#undef X
};
static_assert(std::size(kNames) == static_cast<size_t>(Errc::kCount));

Errc code_of(int err) noexcept {
  switch (err) {
    case ECONNREFUSED:
      return Errc::kConnRefused;
    case ECONNRESET:
      return Errc::kConnReset;
    case EPIPE:
      return Errc::kBrokenPipe;
    case ETIMEDOUT:
      return Errc::kTimedOut;
    case EHOSTUNREACH:
      return Errc::kHostUnreachable;
    case ENETUNREACH:
      return Errc::kNetUnreachable;
    case EADDRNOTAVAIL:
      return Errc::kAddrNotAvailable;
    case EMFILE:
    case ENFILE:  // the cure is the same: close descriptors or raise a limit; detail tells whose
      return Errc::kTooManyFiles;
    case EADDRINUSE:
      return Errc::kAddrInUse;
    case EACCES:
      return Errc::kAccess;
    case ENOMEM:
      return Errc::kNoMemory;
    default:
      return Errc::kSystem;
  }
}

}  // namespace

const char* errc_name(Errc code) noexcept {
  const auto index = static_cast<size_t>(code);
  // A number that came through shared memory may be anything.
  return index < std::size(kNames) ? kNames[index] : "ERR_UNKNOWN";
}

Error error_from_errno(int err, const char* what) {
  Error error;
  error.code = code_of(err);
  error.detail = err;
  error.text = what;
  error.text += ": ";
  error.text += std::generic_category().message(err);  // unlike strerror(), safe from several threads
  return error;
}

}  // namespace tickwire
