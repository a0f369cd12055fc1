// Finds the frames in a stream of bytes, as a machine without I/O: it is shown the bytes of a receive ring and calls
// back for every intact frame. Bytes that are none are passed over and counted (docs/wire-format.md, "Receiving"):
// every intact frame behind damage comes out, and nothing that is not intact ever does. Holds no memory.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "wire/header.h"

namespace tickwire::wire {

struct Frame {
  Header header;
  std::span<const uint8_t> payload;  // mask taken off
};

// What the sink answers. kPause: the frame was NOT taken; feed() stops in front of it and offers it again next time,
// even when that feed() is given no new bytes. It must be shown again unchanged. kStop: taken, but parse no further.
enum class Flow : uint8_t { kContinue, kPause, kStop };

class FrameSink {
 public:
  virtual Flow on_frame(const Frame& frame) = 0;
  // `count` frames of kQuoteFrameBytes (quote_frame.h) one after the other, intact, as they lie. Unless it answers
  // kContinue, `taken` tells how many of them, from the front, were taken.
  virtual Flow on_quotes(const uint8_t* frames, size_t count, size_t& taken) = 0;

 protected:
  ~FrameSink() = default;
};

// A sink for those who make no difference between quotes and others.
class EachFrameSink : public FrameSink {
 public:
  Flow on_quotes(const uint8_t* frames, size_t count, size_t& taken) final;
};

// Why something that began like a frame was none. Each is counted once per beginning.
enum class Damage : uint8_t {
  kType,      // type 0
  kLength,    // longer than the limit
  kCutShort,  // another frame begins inside it
  kChecksum,
  kGivenUp,  // it did not get whole before give_up() or finish()
  kCount
};

struct ParserCounters {
  uint64_t frames = 0;         // passed on
  uint64_t unsupported = 0;    // intact, but a flag that is not known, or a mask without its key, hides the payload
  uint64_t skipped_bytes = 0;  // that belong to no intact frame
  std::array<uint64_t, static_cast<size_t>(Damage::kCount)> damaged{};

  [[nodiscard]] uint64_t of(Damage damage) const noexcept { return damaged[static_cast<size_t>(damage)]; }
};

struct ParseOutcome {
  size_t consumed = 0;  // bytes of the input that are done with
  Flow flow = Flow::kContinue;
};

class FrameParser {
 public:
  static constexpr size_t kMinCapacity = 4096;

  // Payloads above `max_payload` (at most kMaxPayload) are taken for damage.
  explicit FrameParser(uint32_t max_payload = kMaxPayload) noexcept
      : max_payload_(max_payload < kMaxPayload ? max_payload : kMaxPayload) {}

  // Parses as many frames as `in` holds. `in_capacity`: the most that the caller's buffer can ever hold contiguously;
  // what can never get whole there counts as damage. Bytes that were not consumed must come first in the next call's
  // `in`. Takes masks off in place.
  [[nodiscard]] ParseOutcome feed(std::span<uint8_t> in, size_t in_capacity, FrameSink& sink);
  // The same for the last bytes of a stream: what is not whole will not get so, and frames inside it come out.
  [[nodiscard]] ParseOutcome finish(std::span<uint8_t> in, FrameSink& sink);

  // What was left over is the beginning of a frame that is not whole yet (or seems to be).
  [[nodiscard]] bool partial() const noexcept { return partial_; }
  // Takes that beginning for damage, if it is still not whole in the next feed().
  void give_up() noexcept { give_up_ = partial_; }

  void reset() noexcept;  // for the next connection; counters go on
  [[nodiscard]] const ParserCounters& counters() const noexcept { return counters_; }

 private:
  enum class Step : uint8_t { kNext, kMore, kLeave };
  struct Cursor;
  [[nodiscard]] ParseOutcome run(Cursor& c);
  [[nodiscard]] Step step(Cursor& c);
  [[nodiscard]] Step quotes(Cursor& c);
  [[nodiscard]] Step frame(Cursor& c);
  [[nodiscard]] Step offer(Cursor& c, const Header& header);
  [[nodiscard]] Step damaged(Cursor& c, Damage damage) noexcept;
  [[nodiscard]] Step not_whole(Cursor& c) noexcept;
  void passed(Cursor& c, size_t bytes) noexcept;
  [[nodiscard]] bool seek(Cursor& c) noexcept;

  uint32_t max_payload_;
  bool partial_ = false;
  bool give_up_ = false;
  size_t scanned_ = 0;  // bytes of the first frame's payload in which no other frame begins
  ParserCounters counters_;
};

}  // namespace tickwire::wire
