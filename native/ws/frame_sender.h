// The writing side of a session, behind one mutex so that any thread may send: framing, masking, compression, the queue
// of what the kernel did not take, and the answer to the latest ping.
//
// Nothing is lost between threads. A sender raises unsent_ before it calls write(); the loop, woken by a writable edge,
// looks at unsent_ and, when it is set, takes the mutex and goes on. An edge that follows a sender's EAGAIN therefore
// always finds the flag, and an idle session costs the loop one relaxed look per edge.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

#include "base/error.h"
#include "net/stream.h"
#include "ws/byte_buffer.h"
#include "ws/deflate.h"
#include "ws/frame_parser.h"
#include "ws/frame_writer.h"
#include "ws/send_queue.h"

namespace tickwire::ws {

class FrameSender {
 public:
  // The stream stays the session's; detach() before it goes.
  FrameSender(Stream& stream, size_t max_queue) : stream_(&stream), max_queue_(max_queue) {}
  FrameSender(const FrameSender&) = delete;
  FrameSender& operator=(const FrameSender&) = delete;

  [[nodiscard]] Result<void> seed_masks() { return masks_.seed(); }
  // The handshake is done: messages may be sent. `deflater` may be null.
  void open(std::unique_ptr<Deflater> deflater, size_t deflate_threshold);
  // Ends all use of the stream; what is queued is dropped. Further calls fail with kNotOpen.
  void detach() noexcept;

  // All return kNotOpen before open(), after close() and after a failed write. A write that fails at once is returned
  // as what it is. Any thread.
  [[nodiscard]] Result<void> send(Opcode opcode, std::span<const uint8_t> payload);
  [[nodiscard]] Result<void> send_batch(std::span<const Message> messages);
  [[nodiscard]] Result<void> ping(std::span<const uint8_t> payload);
  // Answers a ping at once or, while the peer does not read, after the queue; a later ping replaces one that waits.
  void pong(std::span<const uint8_t> payload);
  // Bytes as they are, for the opening handshake.
  [[nodiscard]] Result<void> send_raw(std::span<const uint8_t> bytes);
  // Queues a close frame as the last one; 1005 sends no code. With `shut` the stream's writing side is ended after it.
  void close(uint16_t code, std::span<const uint8_t> reason, bool shut);
  // Ends the writing side once the queue is empty.
  void shut_when_flushed();

  // Goes on with what is queued; cheap when there is nothing. The loop's thread, on a writable edge.
  void flush_pending();
  [[nodiscard]] bool has_unsent() const noexcept { return unsent_.load(); }
  [[nodiscard]] size_t queued_bytes() const noexcept { return queued_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool close_flushed() const noexcept { return close_flushed_.load(std::memory_order_relaxed); }

  // Set once by the first write that failed.
  [[nodiscard]] bool failed() const noexcept { return failed_.load(std::memory_order_acquire); }
  [[nodiscard]] Error failure() const;
  // True for exactly one caller after a failure: who then tells the loop.
  [[nodiscard]] bool claim_failure() noexcept { return failed() && !claimed_.exchange(true); }

  // Held while a stream that is not full duplex is read.
  [[nodiscard]] std::unique_lock<std::mutex> lock_stream() { return std::unique_lock(mutex_); }

 private:
  static constexpr size_t kStackFrame = 16 * 1024;  // frames up to this size are built on the stack
  static constexpr size_t kMaxControl = 125;

  [[nodiscard]] Result<void> check_room(size_t frame_bytes) const;
  [[nodiscard]] Result<void> send_locked(Opcode opcode, std::span<const uint8_t> payload);
  // Appends one frame to the queue.
  [[nodiscard]] Result<void> enqueue(Opcode opcode, std::span<const uint8_t> payload, bool rsv1);
  [[nodiscard]] size_t build(uint8_t* out, Opcode opcode, std::span<const uint8_t> payload, bool rsv1);
  [[nodiscard]] bool compresses(Opcode opcode, size_t size) const noexcept;
  [[nodiscard]] Result<void> write_now(std::span<const uint8_t> bytes);
  // Writes as much of `bytes` as the kernel takes; returns how much.
  [[nodiscard]] Result<size_t> write_some(std::span<const uint8_t> bytes);
  [[nodiscard]] Result<void> flush();
  void settle() noexcept;
  [[nodiscard]] Error fail(Error error);

  mutable std::mutex mutex_;
  Stream* stream_;
  const size_t max_queue_;
  SendQueue queue_;
  MaskSource masks_;
  std::unique_ptr<Deflater> deflater_;
  size_t deflate_threshold_ = 0;
  ByteBuffer deflated_;
  Error failure_;
  bool open_ = false;
  bool closing_ = false;
  bool shut_ = false;  // end the writing side once the queue is empty
  bool pong_waits_ = false;
  uint8_t pong_size_ = 0;
  uint8_t pong_[kMaxControl]{};
  std::atomic<bool> unsent_{false};
  std::atomic<bool> failed_{false};
  std::atomic<bool> claimed_{false};
  std::atomic<bool> close_flushed_{false};
  std::atomic<size_t> queued_{0};
};

}  // namespace tickwire::ws
