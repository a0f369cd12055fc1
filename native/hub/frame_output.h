// From frames to a subscriber's socket. Nothing here waits: what the socket does not take stays where it is, but for
// the rest of a frame that was begun, which moves to the subscriber's private bytes, so that a place in the ring always
// lies between two frames.
#pragma once
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.h"
#include "hub/loop_counters.h"
#include "hub/subscriber.h"

namespace tickwire::hub {

enum class Sent : uint8_t {
  kAll,
  // The socket takes no more: an edge will follow. Also after everything was taken, when a TLS stream has yet to get
  // rid of a part of it.
  kBlocked,
  kFailed,  // the connection is broken; FrameOutput::error() says how
};

class FrameOutput {
 public:
  explicit FrameOutput(LoopCounters& counters) : counters_(counters) {}

  // `count` frames that lie one after the other and end at end_of(0) … end_of(count - 1) bytes behind `data`, written
  // by one system call. `done` becomes the number of frames that are sent, or begun and kept for later.
  template <class EndOf>
  [[nodiscard]] Sent frames(Subscriber& s, const uint8_t* data, size_t count, EndOf end_of, size_t& done) {
    const size_t bytes = end_of(count - 1);
    size_t wrote = 0;
    const Sent sent = write_one(s, data, bytes, wrote);
    if (wrote == bytes) [[likely]] {
      done = count;
      return sent;
    }
    done = 0;
    if (sent == Sent::kFailed) return sent;
    if (wrote == 0) return sent;
    // The frame that was begun, or ended, last.
    size_t low = 0;
    size_t high = count - 1;
    while (low < high) {
      const size_t middle = low + (high - low) / 2;
      if (end_of(middle) < wrote) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    const size_t end = end_of(low);
    done = low + 1;
    if (end > wrote && !s.out.append({data + wrote, end - wrote})) return no_memory();
    return sent;
  }
  // The same for frames in pieces, up to the end of each in `ends`.
  [[nodiscard]] Sent pieces(Subscriber& s, std::span<const iovec> pieces, std::span<const uint32_t> ends, size_t& done);
  // Bytes that will be offered again from where they were not taken.
  [[nodiscard]] Sent bytes(Subscriber& s, std::span<const uint8_t> data, size_t& wrote) {
    return write_one(s, data.data(), data.size(), wrote);
  }
  // The subscriber's private bytes.
  [[nodiscard]] Sent flush_private(Subscriber& s);
  // What lies in the stream itself.
  [[nodiscard]] Sent flush_stream(Subscriber& s);
  // Taken by a stream, not by the kernel. Only TLS has such bytes, at most a record and a few alerts.
  [[nodiscard]] static bool stream_owes(const Subscriber& s) noexcept {
    return s.tls && s.more->stream->has_unsent_output();
  }

  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  [[nodiscard]] Sent write_one(Subscriber& s, const uint8_t* data, size_t bytes, size_t& wrote);
  [[nodiscard]] Sent write_pieces(Subscriber& s, std::span<const iovec> pieces, size_t bytes, size_t& wrote);
  [[nodiscard]] Sent outcome(Subscriber& s, ssize_t n, size_t bytes, size_t& wrote);
  [[nodiscard]] Sent no_memory();

  LoopCounters& counters_;
  Error error_;
};

}  // namespace tickwire::hub
