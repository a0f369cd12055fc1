// RFC 6455 section 5 as a machine without I/O: it is shown the bytes of a receive ring and calls back for every
// message. Whole unfragmented messages are passed on where they lie; only fragmented, compressed or oversized ones are
// assembled.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"
#include "ws/close_code.h"

namespace tickwire::ws {

enum class Role : uint8_t { kClient, kServer };  // a client's peer must not mask, a server's must
enum class Opcode : uint8_t { kContinuation = 0, kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };

struct Limits {
  uint64_t max_message = 16u << 20;  // bytes, after inflation
  uint32_t max_fragments = 65'536;   // frames per message
};

struct Message {
  Opcode opcode;                  // kText or kBinary
  std::span<const uint8_t> data;  // text is valid UTF-8; 64 bytes behind the end may be loaded
};

// What the sink answers. kPause: the message (or control frame) was NOT taken; feed() stops in front of it and offers
// it again next time, even when that feed() is given no new bytes. An assembled or inflated message is kept by the
// parser, its frames count as consumed; one that lies in the ring stays there and must be shown again unchanged.
enum class Flow : uint8_t { kContinue, kPause, kStop };  // kStop: taken, but parse no further (the session is closing)

class FrameSink {
 public:
  virtual Flow on_message(const Message& message) = 0;
  // kPing, kPong (payload <= 125 bytes). Frames between fragments come here at once.
  virtual Flow on_control(Opcode opcode, std::span<const uint8_t> payload) = 0;
  // A well-formed close frame; code 1005 when it had no payload.
  virtual Flow on_close(uint16_t code, std::span<const uint8_t> reason) = 0;

 protected:
  ~FrameSink() = default;
};

class Inflater;

struct ParseOutcome {
  size_t consumed = 0;  // bytes of the input that are done with
  Flow flow = Flow::kContinue;
  Error error;  // set: a violation; Error::detail is the close code to send (1002, 1007, 1009)
};

class FrameParser {
 public:
  static constexpr size_t kMinCapacity = 256;  // a control frame must fit whole
  FrameParser(Role role, Limits limits);
  ~FrameParser();
  FrameParser(const FrameParser&) = delete;
  FrameParser& operator=(const FrameParser&) = delete;
  // permessage-deflate was negotiated; null switches it off. Before the first byte (also after reset(), which drops
  // it).
  void set_inflater(std::unique_ptr<Inflater> inflater);
  // Parses as many frames as `in` holds. Unmasks in place. A frame whose payload is not here yet and is larger than
  // `in_capacity` (the most that the caller's buffer can ever hold contiguously; at least kMinCapacity) is taken piece
  // by piece. Bytes that were not consumed must come first in the next call's `in`. After a violation every further
  // call reports it again; after a close frame whatever follows is consumed and ignored.
  [[nodiscard]] ParseOutcome feed(std::span<uint8_t> in, size_t in_capacity, FrameSink& sink);
  void reset();  // for the next connection; keeps assembly memory up to 1 MiB
  // Bytes of memory held for assembly at this moment.
  [[nodiscard]] size_t assembled_bytes() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> s_;
};

}  // namespace tickwire::ws
