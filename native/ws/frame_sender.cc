#include "ws/frame_sender.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tickwire::ws {
namespace {

constexpr size_t kKeepDeflated = 1u << 20;

Error not_open() { return Error{Errc::kNotOpen, 0, "the session is not open"}; }

bool is_data(Opcode opcode) noexcept { return opcode == Opcode::kText || opcode == Opcode::kBinary; }

}  // namespace

void FrameSender::open(std::unique_ptr<Deflater> deflater, size_t deflate_threshold) {
  const std::lock_guard lock(mutex_);
  deflater_ = std::move(deflater);
  deflate_threshold_ = deflate_threshold;
  open_ = stream_ != nullptr && !failed();
}

void FrameSender::detach() noexcept {
  const std::lock_guard lock(mutex_);
  stream_ = nullptr;
  open_ = false;
  pong_waits_ = false;
  shut_ = false;
  queue_.clear();
  deflater_.reset();
  settle();
}

Error FrameSender::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

Error FrameSender::fail(Error error) {
  open_ = false;
  pong_waits_ = false;
  shut_ = false;
  queue_.clear();
  failure_ = std::move(error);
  failed_.store(true, std::memory_order_release);
  return failure_;
}

// Publishes what is left. Every path that raised unsent_ ends here.
void FrameSender::settle() noexcept {
  queued_.store(queue_.size(), std::memory_order_relaxed);
  if (queue_.empty() && !pong_waits_ && !shut_) unsent_.store(false);
}

Result<void> FrameSender::check_room(size_t frame_bytes) const {
  if (!open_) return not_open();
  if (frame_bytes > max_queue_) return Error{Errc::kWsMessageTooLarge, 0, "the message is larger than the send queue"};
  if (queue_.size() > max_queue_ - frame_bytes)
    return Error{Errc::kSendQueueFull, 0, "the peer does not read fast enough"};
  return {};
}

bool FrameSender::compresses(Opcode opcode, size_t size) const noexcept {
  return deflater_ != nullptr && is_data(opcode) && size >= deflate_threshold_;
}

size_t FrameSender::build(uint8_t* out, Opcode opcode, std::span<const uint8_t> payload, bool rsv1) {
  const uint32_t key = masks_.next();
  const size_t header = write_frame_header(out, opcode, true, rsv1, payload.size(), &key);
  mask_copy(out + header, payload.data(), payload.size(), key);
  return header + payload.size();
}

Result<void> FrameSender::enqueue(Opcode opcode, std::span<const uint8_t> payload, bool rsv1) {
  const size_t size = frame_header_size(payload.size(), true) + payload.size();
  uint8_t* const at = queue_.grow(size);
  if (at == nullptr) return Error{Errc::kNoMemory, 0, "no memory for the send queue"};
  static_cast<void>(build(at, opcode, payload, rsv1));
  return {};
}

Result<size_t> FrameSender::write_some(std::span<const uint8_t> bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const iovec piece{const_cast<uint8_t*>(bytes.data() + done), bytes.size() - done};  // only read
    IoResult io = stream_->write({&piece, 1});
    if (io.status == IoStatus::kOk) {
      done += io.bytes;
    } else if (io.status == IoStatus::kAgain) {
      break;
    } else {
      if (!io.error) io.error = Error{Errc::kBrokenPipe, 0, "the peer no longer reads"};
      return fail(std::move(io.error));
    }
  }
  return done;
}

// The queue is empty: `bytes` go out directly, and what the kernel does not take is queued.
Result<void> FrameSender::write_now(std::span<const uint8_t> bytes) {
  unsent_.store(true);
  const Result<size_t> wrote = write_some(bytes);
  Result<void> result;
  if (!wrote.ok()) {
    result = wrote.error();
  } else if (!queue_.append(bytes.subspan(wrote.value()))) {
    // Half a frame is out, so nothing that makes sense can follow it.
    result = fail(Error{Errc::kNoMemory, 0, "no memory for the send queue"});
  }
  settle();
  return result;
}

Result<void> FrameSender::flush() {
  unsent_.store(true);
  Result<void> result;
  while (stream_ != nullptr && !failed()) {
    if (queue_.empty()) {
      if (!pong_waits_) break;
      pong_waits_ = false;
      if (result = enqueue(Opcode::kPong, {pong_, pong_size_}, false); !result.ok()) break;
    }
    const Result<size_t> wrote = write_some(queue_.front());
    if (!wrote.ok()) {
      result = wrote.error();
      break;
    }
    queue_.consume(wrote.value());
    if (!queue_.empty()) break;  // an edge will follow
  }
  if (queue_.empty() && closing_ && !failed()) close_flushed_.store(true, std::memory_order_relaxed);
  if (queue_.empty() && shut_ && stream_ != nullptr) {
    shut_ = false;
    stream_->shutdown_write();
  }
  settle();
  return result;
}

void FrameSender::flush_pending() {
  if (!unsent_.load()) return;
  const std::lock_guard lock(mutex_);
  static_cast<void>(flush());  // a failure is kept, and claimed by the session
}

Result<void> FrameSender::send_locked(Opcode opcode, std::span<const uint8_t> payload) {
  const size_t plain_size = frame_header_size(payload.size(), true) + payload.size();
  if (Result<void> room = check_room(plain_size); !room.ok()) return room;
  const bool packed = compresses(opcode, payload.size());
  if (packed) {
    // The window has moved on once this succeeds, so the result is sent even when it is the longer one.
    if (Result<void> done = deflater_->deflate(payload, deflated_); !done.ok()) return fail(done.error());
    payload = deflated_.bytes();
  }
  const size_t size = frame_header_size(payload.size(), true) + payload.size();
  Result<void> result;
  if (queue_.empty() && size <= kStackFrame) {
    uint8_t frame[kStackFrame];
    const size_t built = build(frame, opcode, payload, packed);
    result = write_now({frame, built});
  } else {
    const bool idle = queue_.empty();
    result = enqueue(opcode, payload, packed);
    if (!result.ok() && packed) result = fail(result.error());
    // With a queue before it an edge will come; without one nobody else starts the writing.
    if (result.ok() && idle) result = flush();
    settle();
  }
  if (packed) deflated_.clear_and_trim(kKeepDeflated);
  return result;
}

Result<void> FrameSender::send(Opcode opcode, std::span<const uint8_t> payload) {
  if (!is_data(opcode)) return Error{Errc::kWsOpcode, 0, "only text and binary messages can be sent"};
  const std::lock_guard lock(mutex_);
  return send_locked(opcode, payload);
}

Result<void> FrameSender::send_batch(std::span<const Message> messages) {
  size_t total = 0;
  for (const Message& m : messages) {
    if (!is_data(m.opcode)) return Error{Errc::kWsOpcode, 0, "only text and binary messages can be sent"};
    const size_t size = frame_header_size(m.data.size(), true) + m.data.size();
    if (size > SIZE_MAX / 4 - total)
      return Error{Errc::kWsMessageTooLarge, 0, "the batch is larger than the send queue"};
    total += size;
  }
  const std::lock_guard lock(mutex_);
  if (Result<void> room = check_room(total); !room.ok()) return room;  // all of them or none
  if (messages.empty()) return {};
  const bool idle = queue_.empty();
  for (const Message& m : messages) {
    std::span<const uint8_t> payload = m.data;
    const bool packed = compresses(m.opcode, payload.size());
    Result<void> result;
    if (packed) {
      result = deflater_->deflate(payload, deflated_);
      payload = deflated_.bytes();
    }
    if (result.ok()) result = enqueue(m.opcode, payload, packed);
    if (packed) deflated_.clear_and_trim(kKeepDeflated);
    if (!result.ok()) {
      result = fail(result.error());
      settle();
      return result;
    }
  }
  Result<void> result;
  if (idle) result = flush();
  settle();
  return result;
}

Result<void> FrameSender::ping(std::span<const uint8_t> payload) {
  if (payload.size() > kMaxControl) return Error{Errc::kWsControlTooLong, 0, "a ping carries at most 125 bytes"};
  const std::lock_guard lock(mutex_);
  return send_locked(Opcode::kPing, payload);
}

void FrameSender::pong(std::span<const uint8_t> payload) {
  const std::lock_guard lock(mutex_);
  if (!open_) return;
  if (queue_.empty() && !pong_waits_) {
    uint8_t frame[kMaxFrameHeader + kMaxControl];
    const size_t built = build(frame, Opcode::kPong, payload, false);
    static_cast<void>(write_now({frame, built}));  // a failure is kept, and claimed by the session
    return;
  }
  // One pong to the latest ping is enough (RFC 6455 section 5.5.3), so a peer that pings without reading costs nothing.
  unsent_.store(true);
  pong_waits_ = true;
  pong_size_ = static_cast<uint8_t>(payload.size());
  if (!payload.empty()) std::memcpy(pong_, payload.data(), payload.size());
}

Result<void> FrameSender::send_raw(std::span<const uint8_t> bytes) {
  const std::lock_guard lock(mutex_);
  if (stream_ == nullptr || failed()) return not_open();
  return write_now(bytes);
}

void FrameSender::close(uint16_t code, std::span<const uint8_t> reason, bool shut) {
  const std::lock_guard lock(mutex_);
  if (!open_) return;
  open_ = false;
  pong_waits_ = false;  // nothing may follow a close frame, and a pong is owed to no one who closes
  uint8_t payload[kMaxControl];
  size_t size = 0;
  if (code != 1005) {
    payload[0] = static_cast<uint8_t>(code >> 8);
    payload[1] = static_cast<uint8_t>(code);
    const size_t n = std::min(reason.size(), kMaxControl - 2);
    if (n != 0) std::memcpy(payload + 2, reason.data(), n);
    size = 2 + n;
  }
  if (Result<void> queued = enqueue(Opcode::kClose, {payload, size}, false); !queued.ok()) {
    static_cast<void>(fail(queued.error()));
    settle();
    return;
  }
  closing_ = true;
  shut_ = shut_ || shut;
  static_cast<void>(flush());
}

void FrameSender::shut_when_flushed() {
  const std::lock_guard lock(mutex_);
  shut_ = true;
  static_cast<void>(flush());
}

}  // namespace tickwire::ws
