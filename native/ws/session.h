// A WebSocket client session: joins handshake, frame parser and frame writer to a connected stream on a loop.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/recv_buffer.h"
#include "loop/loop.h"
#include "net/session_control.h"
#include "net/stream.h"
#include "ws/client_handshake.h"
#include "ws/frame_parser.h"
#include "ws/frame_writer.h"

namespace tickwire::ws {

using tickwire::ReceiveTimes;

class SessionListener {
 public:
  virtual void on_open(const HandshakeResult& result) = 0;
  virtual Flow on_message(const Message& message, const ReceiveTimes& times) = 0;
  virtual void on_pong(std::span<const uint8_t> payload) = 0;
  virtual void on_ping(std::span<const uint8_t> payload) = 0;  // answered already
  // All messages of one read have been delivered: the moment to publish them.
  virtual void on_batch_end() = 0;
  // Any bytes at all came (rx_ns of the last read); n of this read.
  virtual void on_bytes(size_t n) = 0;
  // Exactly once; the session may be destroyed (Loop::defer_delete) from here. Error kWsClosed with the peer's code in
  // detail, kWsClosedByUser, a violation, or a transport error. `clean`: both close frames were exchanged.
  virtual void on_closed(const Error& error, bool clean) = 0;

 protected:
  ~SessionListener() = default;
};

struct SessionOptions {
  HandshakeOptions handshake;
  Limits limits;
  size_t recv_buffer = 1u << 20;      // bytes of the receive ring; raised to hold handshake.max_response
  size_t read_chunk = 256u << 10;     // at most this much per read
  size_t read_budget = 1u << 20;      // bytes per turn before other sockets of the loop get theirs
  size_t max_send_queue = 16u << 20;  // bytes not yet accepted by the kernel
  // Pings, and pongs that answer no ping of ours; more is a flood (kWsControlFlood, 1008).
  uint32_t max_pings_per_second = 1000;
  int64_t handshake_timeout_ns = 10'000'000'000;
  int64_t close_timeout_ns = 3'000'000'000;  // wait for the peer's close frame, then cut
  Trigger trigger = Trigger::kEdge;
};

class Session : public SessionControl {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Session>> create(Loop& loop, std::unique_ptr<Stream> stream,
                                                               SessionOptions options, SessionListener& listener);
  // From any thread. Frames, masks and, when nothing is queued, writes at once on the caller's thread; what the kernel
  // does not take is queued for the loop. Text is not checked for UTF-8. Errors: kNotOpen, kSendQueueFull,
  // kWsMessageTooLarge (larger than the whole queue), kWsOpcode (not text or binary), and the transport's own when the
  // write fails at once.
  [[nodiscard]] virtual Result<void> send(Opcode opcode, std::span<const uint8_t> payload) = 0;
  // Several messages, one write; all of them or none.
  [[nodiscard]] virtual Result<void> send_batch(std::span<const Message> messages) = 0;
  // How long a peer that has refused the handshake asks to be left alone; 0 = not said. Inside on_closed.
  [[nodiscard]] virtual int64_t retry_after_ns() const noexcept = 0;
  // start(): sends the handshake.
  // close(): starts the closing handshake. Messages that still arrive are delivered until it ends; on_closed then
  // reports `why` (kWsClosedByUser when it is empty). A code that must not be sent becomes 1000; 1005 sends none. The
  // reason is cut to 123 bytes, and left out when it is not UTF-8. Before on_open there is nothing to shake: the
  // connection is cut and on_closed runs before close returns.
};

}  // namespace tickwire::ws
