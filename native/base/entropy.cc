#include "base/entropy.h"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace tickwire {

Result<void> fill_random(std::span<uint8_t> out) {
  constexpr size_t kMostPerCall = 256;  // getentropy refuses more
  while (!out.empty()) {
    const size_t n = std::min(out.size(), kMostPerCall);
    if (::getentropy(out.data(), n) != 0) {
      if (errno == EINTR) continue;
      return error_from_errno(errno, "getentropy");
    }
    out = out.subspan(n);
  }
  return {};
}

}  // namespace tickwire
