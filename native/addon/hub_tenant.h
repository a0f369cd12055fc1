// A hub and its front as a tenant of a channel: what happens to their clients becomes records in the event ring.
// Delivered messages never do.
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_set>
#include <vector>

#include "addon/hub_record.h"
#include "addon/loop_host.h"
#include "feed/channel.h"
#include "hub/front.h"
#include "hub/hub.h"

namespace tickwire::addon {

class HubTenant final : public feed::ChannelTenant,
                        private hub::HubListener,
                        private hub::FrontListener,
                        private feed::SpaceListener {
 public:
  // `threads` − 1 loops of its own besides the channel's. From the JS thread.
  [[nodiscard]] static Result<std::unique_ptr<HubTenant>> create(feed::Channel& channel, const hub::HubOptions& options,
                                                                 uint32_t threads, uint16_t handle);
  ~HubTenant() override;  // on the channel's loop
  HubTenant(const HubTenant&) = delete;
  HubTenant& operator=(const HubTenant&) = delete;

  // On the channel's loop, once.
  [[nodiscard]] Result<void> listen(hub::FrontOptions options);
  // On the channel's loop: no further connections, then Hub::close().
  void close(int64_t grace_ns);
  [[nodiscard]] hub::Hub& hub() noexcept { return *hub_; }
  [[nodiscard]] hub::Front* front() noexcept { return front_.get(); }  // null before listen()
  [[nodiscard]] uint16_t handle() const noexcept override { return handle_; }
  // Events that found neither room in the ring nor in the backlog.
  [[nodiscard]] uint64_t events_lost() const noexcept { return lost_.load(std::memory_order_relaxed); }
  // CPU time of the loops of its own.
  [[nodiscard]] int64_t cpu_time_ns() const noexcept;

 private:
  HubTenant(feed::Channel& channel, uint16_t handle) : channel_(channel), handle_(handle) {}
  void on_connected(const hub::SubscriberInfo& info) override;
  void on_disconnected(const hub::Disconnected& event) override;
  void on_subscription(hub::SubscriberId id, std::string_view topic, bool subscribed) override;
  void on_slow(const hub::SlowEvent& event) override;
  void on_message(hub::SubscriberId id, ws::Opcode opcode, std::span<const uint8_t> data) override;
  void on_snapshot_needed(hub::TopicId topic, std::string_view name) override;
  void on_drain() override;
  void on_measured(uint64_t request, std::span<const hub::SubscriberLag> some, bool last) override;
  void on_closed() override;
  void on_authorize(const hub::AuthorizeRequest& request) override;
  void on_refused(const hub::Refused& refused) override;
  void on_accept_failed(size_t endpoint, const Error& error) override;
  void on_space() override;

  // From the thread of any of the hub's loops. `about`: the connection, 0 when it is about none.
  void tell(HubEvent event, hub::SubscriberId about, std::span<const double> numbers,
            std::span<const std::string_view> texts);
  // On the channel's loop.
  struct Told {
    HubEvent event = HubEvent::kDrain;
    hub::SubscriberId about = 0;
    HubRecord record;
  };
  void deliver(Told told);
  void give_up(const Told& told);
  void pay_debts();
  [[nodiscard]] bool write(const HubRecord& record);

  feed::Channel& channel_;
  const uint16_t handle_;
  std::vector<std::shared_ptr<LoopHost>> threads_;
  std::unique_ptr<hub::Hub> hub_;
  std::unique_ptr<hub::Front> front_;
  // JS is behind. What does not fit into a bounded backlog is lost and counted, but not that a connection is gone of
  // which JS knows: that is owed, with its number alone.
  std::deque<Told> backlog_;
  size_t backlog_bytes_ = 0;
  std::unordered_set<hub::SubscriberId> untold_;  // connections whose beginning was lost
  std::deque<hub::SubscriberId> owed_;            // of the others those whose end was
  std::atomic<uint64_t> lost_{0};
  std::atomic<bool> ended_{false};
  // What other loops post must find out whether this is still there.
  std::shared_ptr<HubTenant*> self_ = std::make_shared<HubTenant*>(this);
};

}  // namespace tickwire::addon
