// Subscriptions: which topics a connection gets, and what it gets before their messages: definitions (wire), the newest
// value per key, a snapshot. Those go out in pieces, so that a joiner costs neither memory nor anybody else's time;
// what is published meanwhile waits in the ring.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "hub/publication.h"
#include "hub/subscriber.h"

namespace tickwire::hub {

class BroadcastLoop;

class Joining {
 public:
  explicit Joining(BroadcastLoop& loop) : loop_(loop) {}

  // One topic, or "*". The subscriber is behind afterwards and is to be served. kHubForbidden, kHubSubscriptionLimit,
  // kHubName, kHubTopicLimit. `request`: of a wire client, to be repeated in the Topic message; `prior`: also what the
  // topic retains.
  [[nodiscard]] Result<void> subscribe(Subscriber& s, std::string_view topic, std::shared_ptr<KeyFilter> filter,
                                       bool prior, uint32_t request);
  // False when it was not subscribed.
  bool unsubscribe(Subscriber& s, std::string_view topic);
  void unsubscribe_all(Subscriber& s) noexcept;

  // The next piece of the first burst. False when the connection is gone or its socket takes no more.
  [[nodiscard]] bool go_on(Subscriber& s, size_t& budget);
  void send_definitions(Subscriber& s);
  void snapshot_published(TopicId topic);
  // Its socket takes nothing, and entries below `floor` leave the ring: lets go of a snapshot that cannot be continued
  // any more, so that those who do not read keep none alive. Ends the connection when it has begun a message of the
  // snapshot that is longer than what it may have waiting.
  void drop_outdated_image(Subscriber& s, uint64_t floor);
  // Topics of these ranges that have snapshots are begun anew.
  void refresh_snapshots(Subscriber& s, std::span<const MissedRange> missed);
  // kScanned: lets go of what holds no longer; without any it takes part in the pass like everybody.
  void drop_holds(Subscriber& s);

 private:
  [[nodiscard]] Result<void> subscribe_topic(Subscriber& s, std::string_view name, std::shared_ptr<KeyFilter> filter,
                                             bool prior, uint32_t request);
  void subscribe_everything(Subscriber& s, const std::shared_ptr<KeyFilter>& filter, bool prior, uint32_t request);
  // With the publication's mutex held: attaches a snapshot that continues at `from` or later, or begins to wait. True
  // when the provider is to be asked.
  [[nodiscard]] bool await_snapshot(Subscriber& s, TopicId topic, uint64_t from);
  void stop_awaiting(Subscriber& s, TopicId topic) noexcept;
  [[nodiscard]] bool topics(Subscriber& s, Burst& burst);
  [[nodiscard]] bool symbols(Subscriber& s, Burst& burst);
  [[nodiscard]] bool values(Subscriber& s, Burst& burst);
  [[nodiscard]] bool image(Subscriber& s, Burst& burst, size_t& budget);
  void image_done(Subscriber& s, const Burst& burst);
  void go_live_from(Subscriber& s, TopicId topic, uint64_t index);
  void remove_subscription(Subscriber& s, size_t which) noexcept;
  void ask_for(std::span<const TopicId> topics);

  BroadcastLoop& loop_;
  std::unordered_map<TopicId, std::vector<Subscriber*>> awaiting_;
};

}  // namespace tickwire::hub
