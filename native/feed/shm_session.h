// A session that reads frames of the wire format out of a segment of shared memory. Every record is a frame, every
// entry of the segment's table one that defines topics or symbols. The writer never waits: who is too slow finds
// records overwritten, and the numbers of the topics say which.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "feed/shm_waiter.h"
#include "loop/loop.h"
#include "shm/reader.h"
#include "wire/quote_frame.h"
#include "wire/session.h"

namespace tickwire::feed {

class ShmSession final : public wire::Session, private Resumable {
 public:
  // `joining`: topics are joined where they stand. `spin`: looks in every turn of the loop. Fails when it has to wait
  // on a thread and none can be had.
  [[nodiscard]] static Result<std::unique_ptr<SessionControl>> create(Loop& loop, std::unique_ptr<shm::Reader> reader,
                                                                      bool joining, bool spin, wire::Receiver& receiver,
                                                                      const wire::Subscriptions& subscriptions,
                                                                      wire::SessionListener& listener);
  ~ShmSession() override;

  void start() override;
  // There is nobody to answer.
  [[nodiscard]] Result<void> ping(std::span<const uint8_t> payload) override;
  void close(uint16_t code, std::string_view reason, const Error& why) override;
  void abort(const Error& why) override { finish(why); }
  void resume() override;
  [[nodiscard]] size_t send_queue_bytes() const noexcept override { return 0; }
  [[nodiscard]] Result<void> subscribe(std::span<const std::string> topics) override;
  [[nodiscard]] Result<void> unsubscribe(std::span<const std::string> topics) override;
  void definition_missing() override {}  // nothing is damaged on the way

 private:
  ShmSession(Loop& loop, std::unique_ptr<shm::Reader> reader, bool joining, bool spin, wire::Receiver& receiver,
             const wire::Subscriptions& subscriptions, wire::SessionListener& listener);

  enum class State : uint8_t { kIdle, kOpen, kClosed };
  enum class Step : uint8_t { kOn, kEmpty, kPause };
  struct Known {  // a topic as the writer defined it
    uint16_t source = 0;
    uint64_t last = 0;
  };

  void on_resume() override;
  void open();
  [[nodiscard]] Step read();
  [[nodiscard]] Step take_record(std::span<const uint8_t> bytes);
  [[nodiscard]] bool take_frame(std::span<const uint8_t> bytes);
  [[nodiscard]] Step pass_on_quotes();
  [[nodiscard]] Step pass_on_frame();
  void read_table();
  void define(const wire::Frame& frame);
  void announce(std::string_view name, const Known& topic);
  [[nodiscard]] bool wanted(std::string_view topic) const noexcept;
  [[nodiscard]] bool wanted(uint16_t source) const noexcept { return source < wanted_.size() && wanted_[source]; }
  void wait_for_more();
  [[nodiscard]] bool writer_gone();
  void finish(const Error& error);

  Loop& loop_;
  const std::shared_ptr<shm::Reader> reader_;
  const bool joining_;
  const bool spin_;
  wire::Receiver& receiver_;
  const wire::Subscriptions& subscriptions_;
  wire::SessionListener& listener_;
  std::unique_ptr<ShmWaiter> waiter_;  // null when it spins

  State state_ = State::kIdle;
  bool paused_ = false;
  bool waiting_ = false;  // the reader is the waiter's
  ReceiveTimes times_;
  int64_t next_look_ns_ = 0;  // spinning: when to ask for the writer again
  uint64_t lost_seen_ = 0;
  std::map<std::string, Known, std::less<>> topics_;  // bounded by the segment's table
  std::vector<bool> wanted_;                          // by source

  // Quotes in a row, which are decoded in one go.
  static constexpr size_t kRun = 128;
  std::vector<uint8_t> run_ = std::vector<uint8_t>(kRun * wire::kQuoteFrameBytes);
  size_t run_count_ = 0;
  // The record that is being passed on, when it is no quote: its mask is off, if it had one.
  std::vector<uint8_t> frame_;
  bool have_frame_ = false;
  std::vector<uint8_t> entry_;  // likewise an entry of the table
};

}  // namespace tickwire::feed
