#include "hub/hub.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/entropy.h"
#include "hub/broadcast_loop.h"
#include "hub/option_checks.h"
#include "hub/publication.h"

namespace tickwire::hub {
namespace {

constexpr uint32_t kLoopBits = 6;
constexpr uint32_t kMaxLoops = 1u << kLoopBits;

class HubImpl final : public Hub, private PublicationListener, private LoopOwner {
 public:
  HubImpl(const HubOptions& options, std::span<Loop* const> loops, HubListener& listener, uint64_t epoch,
          std::unique_ptr<ShmLane> shm)
      : listener_(listener),
        publication_(Publication::create(options, static_cast<uint32_t>(loops.size()), *this, std::move(shm))),
        open_loops_(static_cast<uint32_t>(loops.size())),
        news_(loops.size()) {
    for (uint32_t i = 0; i < loops.size(); ++i) {
      loops_.push_back(std::make_unique<BroadcastLoop>(i, *loops[i], *publication_, listener,
                                                       static_cast<LoopOwner&>(*this), epoch));
    }
  }

  Result<TopicId> topic(std::string_view name, const TopicOptions& options) override {
    return publication_->declare_topic(name, options);
  }
  Result<KeyId> key(std::string_view name) override { return publication_->intern_key(name); }
  PublishResult publish(const Message& message) override { return publication_->publish(message); }
  BatchResult publish(std::span<const Message> messages) override { return publication_->publish(messages); }
  PublishStatus publish_snapshot(TopicId topic, std::span<const Message> messages) override {
    return publication_->publish_snapshot(topic, messages);
  }

  SubscriberId new_id(uint32_t loop) noexcept override {
    return next_id_.fetch_add(1, std::memory_order_relaxed) << kLoopBits | loop;
  }
  uint32_t least_loaded_loop() const noexcept override {
    const auto least = std::min_element(
        loops_.begin(), loops_.end(), [](const auto& a, const auto& b) { return a->subscribers() < b->subscribers(); });
    return static_cast<uint32_t>(least - loops_.begin());
  }
  uint32_t loop_count() const noexcept override { return static_cast<uint32_t>(loops_.size()); }
  Loop& loop(uint32_t index) noexcept override { return loops_[index]->loop(); }
  void add(std::unique_ptr<Stream> stream, SubscriberInfo info) override {
    BroadcastLoop& loop = *loops_[loop_of(info.id)];
    loop.add(std::move(stream), std::move(info));
  }

  void disconnect(SubscriberId id, uint16_t code, std::string_view reason) override {
    BroadcastLoop* const loop = loop_for(id);
    if (loop == nullptr) return;
    post(*loop, [loop, id, code, text = std::string(reason)] { loop->disconnect(id, code, text); });
  }
  bool send(SubscriberId id, PayloadKind kind, std::span<const uint8_t> payload) override {
    if (kind == PayloadKind::kTyped || payload.size() > publication_->options().inbound.max_message) return false;
    BroadcastLoop* const loop = loop_for(id);
    if (loop == nullptr) return true;
    post(*loop, [loop, id, kind, bytes = std::vector<uint8_t>(payload.begin(), payload.end())] {
      loop->send(id, kind, bytes);
    });
    return true;
  }

  void measure(uint64_t request, SubscriberId only) override {
    for (uint32_t i = 0; i < loops_.size(); ++i) {
      if (only != 0 && loop_of(only) != i) continue;
      post(*loops_[i], [loop = loops_[i].get(), request, only] { loop->measure(request, only); });
    }
  }
  void beat() noexcept override { publication_->beat(); }
  void close_shm() noexcept override { publication_->close_shm(); }
  Counters counters() const noexcept override {
    Counters sum;
    publication_->add_counters(sum);
    for (const auto& loop : loops_) loop->counters().add_to(sum);
    return sum;
  }
  uint32_t lanes_in_use() const noexcept override { return publication_->lanes_in_use(); }

  void stop_publishing() noexcept override { publication_->refuse_publishing(); }

  void close(int64_t grace_ns) override {
    publication_->refuse_publishing();
    for (const auto& loop : loops_) {
      post(*loop, [each = loop.get(), grace_ns] { each->begin_close(grace_ns); });
    }
  }
  void release(uint32_t loop) override { loops_[loop]->release(); }

 private:
  BroadcastLoop* loop_for(SubscriberId id) noexcept {
    return loop_of(id) < loops_.size() ? loops_[loop_of(id)].get() : nullptr;
  }
  // A loop that was closed has no connections any more.
  template <class Task>
  static void post(BroadcastLoop& loop, Task task) {
    static_cast<void>(loop.loop().post(std::move(task)));
  }

  void wake_loop(uint32_t index) override {
    post(*loops_[index], [loop = loops_[index].get()] { loop->on_news(); });
  }
  void snapshot_published(TopicId topic) override {
    for (const auto& loop : loops_) post(*loop, [each = loop.get(), topic] { each->on_snapshot(topic); });
  }
  void compressed_lane_opened() override {
    post(*loops_[0], [loop = loops_[0].get()] { loop->start_compressor(); });
  }
  void compressed_lane_grew() override {
    for (uint32_t i = 1; i < loops_.size(); ++i) {
      constexpr auto kLane = static_cast<size_t>(Lane::kWsDeflate);
      if (loops_[i]->counters().subscribers_of[kLane].get() == 0 || news_[i].exchange(true)) continue;
      post(*loops_[i], [this, i] {
        news_[i].store(false);
        loops_[i]->on_news();
      });
    }
  }
  void loop_is_empty(uint32_t) override {
    if (open_loops_.fetch_sub(1) == 1) listener_.on_closed();
  }

  HubListener& listener_;
  std::unique_ptr<Publication> publication_;
  std::vector<std::unique_ptr<BroadcastLoop>> loops_;
  std::atomic<uint64_t> next_id_{1};
  std::atomic<uint32_t> open_loops_;
  std::vector<std::atomic<bool>> news_;
};

}  // namespace

Result<std::unique_ptr<Hub>> Hub::create(const HubOptions& options, std::span<Loop* const> loops,
                                         HubListener& listener) {
  if (loops.empty() || loops.size() > kMaxLoops) return Error{Errc::kHubOptions, 0, "loops: 1 to 64"};
  HubOptions checked = options;
  if (Result<void> ok = check_options(checked); !ok.ok()) return ok.error();
  uint64_t epoch = 0;
  uint8_t random[sizeof epoch];
  if (Result<void> filled = fill_random(random); !filled.ok()) return filled.error();
  std::memcpy(&epoch, random, sizeof epoch);
  std::unique_ptr<ShmLane> shm;
  if (!checked.shm.name.empty()) {
    auto made = ShmLane::create(checked.shm);
    if (!made.ok()) return made.error();
    shm = std::move(made.value());
  }
  return std::unique_ptr<Hub>(new HubImpl(checked, loops, listener, epoch | 1, std::move(shm)));
}

}  // namespace tickwire::hub
