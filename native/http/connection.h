// One connection to an origin, whatever version of HTTP it speaks. A connection carries requests; which connection gets
// which request, time limits and retries are its owner's business.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/error.h"
#include "http/request.h"
#include "http/response_parser.h"
#include "loop/loop.h"
#include "net/stream.h"

namespace tickwire::http {

using RequestId = uint32_t;  // given by the owner; unique among the requests in flight

struct ReceiveTimes {
  int64_t kernel_ns = 0;  // monotonic; 0 when the kernel gave no stamp
  int64_t rx_ns = 0;      // monotonic; when the read returned
};

// Whether the peer may have acted on a request that failed.
enum class Sent : uint8_t {
  kNo,     // no byte of it was given to the kernel, or the peer says that it did not look at it
  kMaybe,  // it may have been executed
};

class Connection;

// Called on the loop's thread.
class ConnectionListener {
 public:
  virtual void on_head(RequestId id, const ResponseHead& head, const ReceiveTimes& times) = 0;
  virtual void on_body(RequestId id, std::span<const uint8_t> piece) = 0;
  virtual void on_done(RequestId id) = 0;
  virtual void on_failed(RequestId id, const Error& error, Sent sent) = 0;
  // It may take a request more than before: after a response, or because the peer raised its limit.
  virtual void on_room(Connection& connection) = 0;
  // Everything that one read brought has been delivered.
  virtual void on_batch_end() = 0;
  // Exactly once, after on_failed() of all that was in flight. It may be released (Loop::defer_delete) from here.
  virtual void on_closed(Connection& connection, const Error& error) = 0;

 protected:
  ~ConnectionListener() = default;
};

struct ConnectionOptions {
  ResponseLimits limits;
  size_t read_budget = 1u << 20;  // bytes per turn before other sockets of the loop get theirs
};

class Connection {
 public:
  virtual ~Connection() = default;
  // Watches the stream. Nothing is called back before it returns; a failure arrives by on_closed().
  virtual void start() = 0;
  // From any thread, for a request that limit() has room for: the owner counts. Writes on the caller's thread. An error
  // means that nothing of the request has left: it may go to another connection, and this one closes by itself.
  [[nodiscard]] virtual Result<void> send(RequestId id, const Request& request) = 0;
  // Requests that may be in flight at once; 0 when it takes none any more. Any thread.
  [[nodiscard]] virtual uint32_t limit() const noexcept = 0;
  // From the loop's thread: nobody waits for this answer any more. No callback for it follows. HTTP/1 has to cut the
  // connection for that.
  virtual void cancel(RequestId id) = 0;
  // From the loop's thread. Takes no more requests and closes once those in flight are answered.
  virtual void retire() = 0;
  // From the loop's thread. Cuts at once; on_failed() and on_closed() follow before it returns.
  virtual void abort(const Error& why) = 0;
  // From the loop's thread. While set nothing is read for this request (HTTP/1: nothing at all).
  virtual void hold(RequestId id, bool on) = 0;
  [[nodiscard]] virtual uint8_t major() const noexcept = 0;  // version of HTTP: 1 or 2
};

// `scratch`: where reads go, shared by the connections of a loop; what a read brings is consumed before the next.
[[nodiscard]] std::unique_ptr<Connection> make_h1_connection(Loop& loop, std::unique_ptr<Stream> stream,
                                                             const ConnectionOptions& options,
                                                             std::span<uint8_t> scratch, ConnectionListener& listener);

// `max_streams`: requests at once, where the peer allows as many. `secure`: the scheme is https.
[[nodiscard]] std::unique_ptr<Connection> make_h2_connection(Loop& loop, std::unique_ptr<Stream> stream,
                                                             const ConnectionOptions& options, uint32_t max_streams,
                                                             bool secure, std::span<uint8_t> scratch,
                                                             ConnectionListener& listener);

}  // namespace tickwire::http
