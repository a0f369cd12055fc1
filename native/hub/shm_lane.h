// The hub's messages in shared memory: each is one record that holds a wire frame, as wire clients get it. What numbers
// of topics and symbols stand for is also in the segment's table, for readers that come late.
//
// Nobody is waited for: a reader that is slower than the whole ring loses the oldest and knows how many. One thread at
// a time: the publication's mutex.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/error.h"
#include "hub/framing.h"
#include "hub/options.h"
#include "hub/types.h"
#include "shm/writer.h"

namespace tickwire::hub {

class ShmLane {
 public:
  // Fails as shm::Segment::create() does.
  [[nodiscard]] static Result<std::unique_ptr<ShmLane>> create(const ShmOptions& options);

  // Readers see these with the next publish().
  void message(const Content& content) noexcept;
  void define_topic(TopicId topic, std::string_view name) noexcept;
  void define_symbol(KeyId key, std::string_view name) noexcept;
  void publish() noexcept {
    if (writer_->is_open()) writer_->publish();
  }

  void beat(int64_t now_ns) noexcept {
    if (writer_->is_open()) writer_->heartbeat(now_ns);
  }
  // No more will come. The memory stays for those who have it.
  void close() noexcept { writer_->close(); }

  // ---- any thread ----
  [[nodiscard]] uint64_t messages() const noexcept { return messages_.load(std::memory_order_relaxed); }
  // Messages that found no record long enough, and definitions that found no room in the table.
  [[nodiscard]] uint64_t unwritten() const noexcept { return unwritten_.load(std::memory_order_relaxed); }

 private:
  explicit ShmLane(std::unique_ptr<shm::Writer> writer) : writer_(std::move(writer)) {}
  void define(std::span<const uint8_t> frame) noexcept;
  static void add_one(std::atomic<uint64_t>& count) noexcept {  // one writer: load and store suffice
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  std::unique_ptr<shm::Writer> writer_;
  std::atomic<uint64_t> messages_{0};
  std::atomic<uint64_t> unwritten_{0};
};

}  // namespace tickwire::hub
