// What the owner of a connection steers it by, whatever is spoken on it. What a session reports differs from protocol
// to protocol; each has a listener of its own.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.h"

namespace tickwire {

struct ReceiveTimes {
  int64_t kernel_ns = 0;  // monotonic; 0 when the kernel gave no stamp
  int64_t rx_ns = 0;      // monotonic; when the read returned
};

// Lives on the loop's thread; where a function may be called from any thread it says so.
class SessionControl {
 public:
  virtual ~SessionControl() = default;
  // Begins with the protocol's opening. Nothing is called back before it returns. Once only.
  virtual void start() = 0;
  // Asks the peer for a sign of life that brings the payload back (at most 125 bytes). From any thread.
  [[nodiscard]] virtual Result<void> ping(std::span<const uint8_t> payload) = 0;
  // Takes leave of the peer as the protocol wants it; the listener then hears of the end, with `why` as its reason.
  // What `code` and `reason` mean is the protocol's affair.
  virtual void close(uint16_t code, std::string_view reason, const Error& why) = 0;
  // Cuts at once (RST). The listener hears of the end before it returns.
  virtual void abort(const Error& why) = 0;
  // Goes on with the message that the listener refused, in the loop's next turn. While a session is paused nothing is
  // read, so the peer's end is noticed only afterwards, behind everything that it had sent.
  virtual void resume() = 0;
  // Bytes accepted for sending and not yet by the kernel. From any thread.
  [[nodiscard]] virtual size_t send_queue_bytes() const noexcept = 0;
};

}  // namespace tickwire
