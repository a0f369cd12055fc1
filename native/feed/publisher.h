// From decoded rows to the event ring, by the feed's overflow policy. Lives on the loop's thread.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "decode/row_batch.h"
#include "feed/channel.h"
#include "feed/conflator.h"
#include "feed/control_backlog.h"
#include "feed/options.h"
#include "feed/pending_queue.h"
#include "feed/stats.h"
#include "net/session_control.h"

namespace tickwire::feed {

class Publisher {
 public:
  // `space` is told when a publisher that refused or kept something back may go on: it then calls on_space().
  [[nodiscard]] static Result<std::unique_ptr<Publisher>> create(Channel& channel, const CoreOptions& options,
                                                                 uint16_t handle, Stats& stats, SpaceListener& space);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // Before the messages of a read.
  void begin_read() noexcept { channel_.ring().restart_when_drained(); }
  // Empties `batch` and lets the next message's rows be made where they will be published, if they may be published at
  // once. To be called before each message is decoded.
  void prepare(decode::RowBatch& batch) noexcept {
    if (makes_in_place_ && lost_ == 0 && rows_done_ == 0 && backlog_.empty()) {
      if (const EventRing::Room room = channel_.ring().room(window_); room.bytes >= kLeastRoom) [[likely]] {
        batch.clear_into(room.at, room.bytes / 8);
        return;
      }
    }
    batch.clear_into_own();
  }
  // False: no room and the policy is to block; the same message must be offered again after on_space(). Rows of it that
  // found room are remembered and not published twice.
  [[nodiscard]] bool rows(decode::RowBatch& batch, const ReceiveTimes& times);
  [[nodiscard]] bool raw(RecordKind kind, std::span<const uint8_t> bytes, const ReceiveTimes& times);
  // Never refused: waits in a bounded backlog when there is no room, ahead of further rows.
  void control(std::span<uint8_t> record);
  // Rows that are about the connection, as control records: under the feed's own handle, whatever the policy is.
  void notices(decode::RowBatch& batch, const ReceiveTimes& times);
  // End of a read: announce what is committed, now or by the flush interval.
  void end_of_read(int64_t now_ns);
  // Moves on what was kept back. True when nothing is left.
  bool on_space();
  // Calls the listener when there is room, for whom publishes elsewhere. Look for room once more afterwards.
  void wait() { channel_.wait_for_space(space_); }
  // The message that was refused is gone with its connection: forget how far it got.
  void forget_partial() noexcept { rows_done_ = 0; }
  // Rows of the refused batch that were published: the caller offers only those behind them again, as another batch.
  [[nodiscard]] uint32_t take_partial() noexcept { return std::exchange(rows_done_, 0); }
  void flush() noexcept;
  [[nodiscard]] uint16_t handle() const noexcept { return handle_; }

 private:
  static constexpr uint32_t kLeastRoom = 4096;

  Publisher(Channel& channel, const CoreOptions& options, uint16_t handle, Stats& stats, SpaceListener& space);
  void on_flush_timer(int64_t now_ns);
  void publish_in_place(decode::RowBatch& batch, uint64_t rx, uint64_t kernel);
  [[nodiscard]] bool rows_or_wait(decode::RowBatch& batch, uint64_t rx, uint64_t kernel);
  void rows_newest(decode::RowBatch& batch, uint64_t rx, uint64_t kernel);
  void rows_conflated(decode::RowBatch& batch, uint64_t rx, uint64_t kernel);
  [[nodiscard]] uint64_t header_of(const decode::RowBatch::Row& row) const noexcept {
    return record_header(row.word_count * 8, RecordKind::kRow, row.shape, row_handle_);
  }
  [[nodiscard]] bool can_ever_fit(uint32_t bytes) const noexcept {
    return bytes <= channel_.ring().max_record() && bytes <= window_;
  }
  void lose(uint64_t rows) noexcept {
    stats_.add(Counter::kDropped, rows);
    lost_ += rows;
  }
  [[nodiscard]] bool put_gap();
  [[nodiscard]] uint8_t* reserve(uint32_t bytes) noexcept;
  [[nodiscard]] uint8_t* reserve_or_wait(uint32_t bytes);
  void committed(uint32_t bytes) noexcept;
  void publish_some() noexcept;
  [[nodiscard]] bool keep_newest(const uint64_t* row, uint32_t bytes);
  void keep_back(const void* record, uint32_t bytes);
  [[nodiscard]] bool drain_backlog();
  [[nodiscard]] bool drain_announcements();
  [[nodiscard]] bool drain_pending();
  [[nodiscard]] bool put(const void* record, uint32_t bytes);

  Channel& channel_;
  Stats& stats_;
  SpaceListener& space_;
  Overflow overflow_;
  bool makes_in_place_;
  uint16_t handle_;
  uint16_t row_handle_;
  uint32_t window_;
  uint32_t flush_rows_;    // rows of a read after which a sleeping reader is woken
  uint32_t publish_rows_;  // rows after which one that is awake sees them
  uint32_t wake_at_;
  uint32_t publish_at_;
  int64_t flush_interval_ns_;
  uint32_t unflushed_ = 0;
  uint32_t rows_done_ = 0;  // of a message that was refused: they were published, or counted as lost
  uint64_t lost_ = 0;       // rows that are missing in front of what comes next, and not reported yet
  ControlBacklog backlog_;
  std::optional<PendingQueue> pending_;
  std::shared_ptr<Conflator> conflator_;
  std::vector<uint64_t> scratch_;  // raw records on their way to the pending queue
  MemberTimer<Publisher, &Publisher::on_flush_timer> flush_timer_{*this};
};

}  // namespace tickwire::feed
