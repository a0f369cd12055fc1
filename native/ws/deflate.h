// permessage-deflate (RFC 7692) over the zlib that Node carries: negotiation, bounded inflate, deflate.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "ws/byte_buffer.h"

namespace tickwire::ws {

struct DeflateOptions {
  bool enabled = false;
  bool client_no_context_takeover = false;
  bool server_no_context_takeover = false;
  int client_max_window_bits = 15;  // 8..15; with 8 only runs of one byte are matched, zlib has no smaller window
  int server_max_window_bits = 15;  // 8..15
  int level = 1;                    // of what we send
  size_t threshold = 1024;          // shorter messages are sent as they are
};

struct DeflateParams {  // as agreed
  bool client_no_context_takeover = false;
  bool server_no_context_takeover = false;
  int client_max_window_bits = 15;
  int server_max_window_bits = 15;
};

// Value of Sec-WebSocket-Extensions that a client offers.
[[nodiscard]] std::string deflate_offer(const DeflateOptions& options);
// Checks the server's answer against the offer (RFC 7692 section 5.1, 7.1). kHandshakeExtension when it names anything
// not offered, repeats a parameter or gives a bad value. A hint of ours that the server leaves out is no error: then we
// are ready for what it may do without it. The windows returned are the ones to inflate and deflate with.
[[nodiscard]] Result<DeflateParams> accept_deflate(std::string_view header_value, const DeflateOptions& offered);

class Inflater {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Inflater>> create(int window_bits, bool context_takeover);
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  // Inflates one message's (or fragment's) payload and appends to out; `last` adds the 00 00 ff ff tail and, without
  // context takeover, resets. Stops with kWsMessageTooLarge (1009) as soon as out would exceed max_size bytes in all,
  // and with kWsInflate (1007) on bad or truncated data; after an error only reset() makes it usable again. out keeps
  // its capacity from message to message; max_size + 1 bytes are the most that it is grown to.
  [[nodiscard]] Result<void> inflate(std::span<const uint8_t> in, bool last, size_t max_size, ByteBuffer& out);
  void reset();

 private:
  struct State;
  explicit Inflater(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> s_;
};

class Deflater {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Deflater>> create(int window_bits, bool context_takeover, int level);
  ~Deflater();
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  // One whole message, without the 00 00 ff ff tail (RFC 7692 section 7.2.1); out is replaced. At most 4 GiB - 1 of
  // input.
  [[nodiscard]] Result<void> deflate(std::span<const uint8_t> in, ByteBuffer& out);

 private:
  struct State;
  explicit Deflater(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> s_;
};

}  // namespace tickwire::ws
