// What clients say: reading, parsing, limits. The read buffer is the loop's; a connection keeps only the beginning of a
// frame that is not whole yet, and what a fragmented message has come to.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/error.h"
#include "hub/requests.h"
#include "hub/subscriber.h"
#include "hub/wire_requests.h"
#include "wire/frame_parser.h"
#include "ws/byte_buffer.h"
#include "ws/frame_parser.h"

namespace tickwire::hub {

class BroadcastLoop;

class Inbound final : private ws::FrameSink, private wire::EachFrameSink {
 public:
  explicit Inbound(BroadcastLoop& loop) : loop_(loop), requests_(loop), wire_requests_(loop) {}

  // Readable or ended; reads until the socket is empty or its share of the turn is used up.
  void read(Subscriber& s);
  // Bytes that came with the handshake.
  void received(Subscriber& s, std::span<const uint8_t> bytes);
  void welcome(Subscriber& s) { wire_requests_.welcome(s); }
  // It has caught up: what was left unread because its answers were not taken may go on.
  void resume(Subscriber& s);

 private:
  ws::Flow on_message(const ws::Message& message) override;
  ws::Flow on_control(ws::Opcode opcode, std::span<const uint8_t> payload) override;
  ws::Flow on_close(uint16_t code, std::span<const uint8_t> reason) override;
  wire::Flow on_frame(const wire::Frame& frame) override;

  [[nodiscard]] bool prepare_buffer(size_t kept);
  // Parses buffer_ up to `size`; what is left over becomes the connection's rest.
  void parse(Subscriber& s, size_t size);
  void parse_websocket(Subscriber& s, std::span<uint8_t> bytes, size_t& consumed);
  void parse_wire(Subscriber& s, std::span<uint8_t> bytes, size_t& consumed);
  void on_wire_bytes(std::span<const uint8_t> bytes);
  // Counts a message against the limits; false when it was too much, which ended the connection.
  [[nodiscard]] bool within_limits(Subscriber& s, size_t bytes);
  void violate(Subscriber& s, uint16_t code, const Error& error);
  [[nodiscard]] ws::Flow after(const Subscriber& s) const noexcept;
  [[nodiscard]] bool answers_pile_up(const Subscriber& s) const noexcept;
  [[nodiscard]] size_t max_frame() const noexcept;

  BroadcastLoop& loop_;
  Requests requests_;
  WireRequests wire_requests_;
  ws::ByteBuffer buffer_;
  Subscriber* reading_ = nullptr;
};

}  // namespace tickwire::hub
