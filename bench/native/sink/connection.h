// One subscriber: WebSocket handshake, optional subscription, then a stream of frames that are counted and checked.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sink/tally.h"

namespace sink {

struct Conversation {
  std::string request;    // HTTP upgrade, complete
  std::string subscribe;  // a masked text frame, or empty
  std::string expect;     // what the answer to it contains
  uint32_t sample = 1;    // the latency of every so-manyth number is recorded; a power of two
};

enum class Phase : uint8_t { kConnecting, kUpgrading, kSubscribing, kStreaming, kClosed };

// Room for an incomplete frame or answer; the read buffer leaves as much in front of what it reads.
constexpr size_t kRestBytes = 4096;
constexpr size_t kReadBytes = 256 * 1024;

struct ReadBuffer {
  std::vector<uint8_t> bytes = std::vector<uint8_t>(kRestBytes + kReadBytes);
  [[nodiscard]] uint8_t* fresh() { return bytes.data() + kRestBytes; }
};

class Connection {
 public:
  Connection(int fd, uint32_t index, Tally& tally, const Conversation& conversation)
      : fd_(fd), index_(index), tally_(&tally), conversation_(&conversation) {}
  Connection(Connection&&) = delete;
  ~Connection();

  void on_writable();
  // Reads until nothing is left or `budget` bytes are taken; returns how many were.
  size_t read(ReadBuffer& buffer, size_t budget = SIZE_MAX);

  // It was reset; what was not read is lost.
  void cut() { close(1006); }

  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] Tally& tally() const { return *tally_; }
  [[nodiscard]] uint64_t last() const { return last_; }
  [[nodiscard]] uint64_t messages() const { return messages_; }
  // An edge said that bytes wait which have not been read.
  bool has_unread = false;

 private:
  // Takes whole frames from the front; returns how many bytes they were.
  size_t take(std::span<const uint8_t> bytes, int64_t now);
  size_t take_answer(std::span<const uint8_t> bytes);
  void on_message(std::span<const uint8_t> payload, int64_t now);
  void on_control(uint8_t opcode, std::span<const uint8_t> payload);
  void send_all(std::span<const uint8_t> bytes);
  void close(uint16_t code);

  int fd_;
  Phase phase_ = Phase::kConnecting;
  uint32_t index_;
  uint32_t rest_ = 0;
  uint64_t last_ = 0;  // newest sequence number; 0: none yet
  uint64_t messages_ = 0;
  Tally* tally_;
  const Conversation* conversation_;
  std::vector<uint8_t> kept_;
};

// A client's frame with a masking key of zero, which leaves the payload as it is.
std::string client_frame(uint8_t opcode, std::span<const uint8_t> payload);

}  // namespace sink
