// A subscriber's session in the wire format: joins frame parser and receiver to a connected stream on a loop.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "loop/loop.h"
#include "net/session_control.h"
#include "net/stream.h"
#include "wire/control.h"
#include "wire/frame_parser.h"
#include "wire/receiver.h"
#include "wire/subscriptions.h"

namespace tickwire::wire {

struct Opened {
  std::string_view hub;  // its name
  uint64_t epoch = 0;
  bool resumed = false;  // numbers go on where the last connection left them
  uint32_t heartbeat_ms = 0;
  uint32_t max_payload = 0;  // of what will come
};

// Beside what the receiver tells its own listener.
class SessionListener {
 public:
  virtual void on_open(const Opened& opened) = 0;
  // Bytes that belong to no intact frame, or frames that hide their payload; what stood there cannot be told.
  virtual void on_damage(const ParserCounters& since_last) = 0;
  virtual void on_heartbeat() = 0;
  virtual void on_pong(std::span<const uint8_t> payload) = 0;
  virtual void on_ping() = 0;  // answered already
  // A request was refused; the connection goes on. `topics`: what the request was about, as far as it is known.
  virtual void on_refused(const ErrorMessage& error, std::span<const std::string> topics) = 0;
  // Records of shared memory that were overwritten before they could be read; the topics' numbers tell which.
  virtual void on_overrun(uint64_t records) = 0;
  virtual void on_bytes(size_t n) = 0;  // of one read
  virtual void on_batch_end() = 0;      // all frames of one read have been looked at
  // Exactly once; the session may be destroyed (Loop::defer_delete) from here. The reason: what the sender gave
  // (kWireShuttingDown and the like, its code in detail), what close() was given, or a transport error.
  // `retry_after_ns`: the sender's wish, 0: none.
  virtual void on_closed(const Error& error, int64_t retry_after_ns) = 0;

 protected:
  ~SessionListener() = default;
};

struct SessionOptions {
  std::string token;                 // credentials; secret
  std::string name;                  // who we are, for the sender's logs
  size_t recv_buffer = 1u << 20;     // bytes of the receive ring: a frame must fit
  size_t read_chunk = 256u << 10;    // at most this much per read
  size_t read_budget = 1u << 20;     // bytes per turn before other sockets of the loop get theirs
  size_t max_send_queue = 4u << 20;  // bytes not yet accepted by the kernel
  uint32_t max_pings_per_second = 1000;
  int64_t handshake_timeout_ns = 10'000'000'000;
  int64_t close_timeout_ns = 3'000'000'000;
  // A frame that does not get whole, and nothing comes any more: then it is given up for damage.
  int64_t stall_ns = 1'000'000'000;
  // Nothing at all for so long: the sender is dead. 0: three times the interval of heartbeats that it announces.
  int64_t silence_ns = 0;
};

class Session : public SessionControl {
 public:
  // Receiver, subscriptions and listener outlive it. The receiver's listener is told of frames from inside the
  // session's own calls. Fails when memory for the receive ring cannot be had.
  [[nodiscard]] static Result<std::unique_ptr<Session>> create(Loop& loop, std::unique_ptr<Stream> stream,
                                                               SessionOptions options, Receiver& receiver,
                                                               const Subscriptions& subscriptions,
                                                               SessionListener& listener);
  // start(): sends Hello and all subscriptions.
  // ping(): 8 bytes of payload; others answer kWireMalformed. On another thread than the loop's it is handed over.
  // close(): says Bye. Messages that still come are delivered until the sender ends the connection or close_timeout is
  // over; on_closed then reports `why`. Before on_open there is nobody to say it to.

  // On the loop's thread, behind a change of the subscriptions. kSendQueueFull, and kNotOpen before on_open (which will
  // say all there is) and after the end.
  [[nodiscard]] virtual Result<void> subscribe(std::span<const std::string> topics) = 0;
  [[nodiscard]] virtual Result<void> unsubscribe(std::span<const std::string> topics) = 0;
  // A message came that cannot be understood for want of a definition. When anything was damaged on this connection,
  // the definition may have been: it is made anew then (kWireDefinitions), since nothing else would bring them back.
  virtual void definition_missing() = 0;
};

}  // namespace tickwire::wire
