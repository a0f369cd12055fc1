// The hub: publish once, reach many. Subscribers are cursors into rings of ready-made frames; docs/architecture.md says
// how the data goes.
//
// Threads: publishing, topics, keys, counters and close() from any thread. What belongs to one connection happens on
// the loop that it was added to.
//
// Order of destruction: close() and on_closed() are for goodbyes and optional. Then release() for every loop, on that
// loop's own thread (or when nothing runs it any more), then the hub, then the loops.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "hub/counters.h"
#include "hub/listener.h"
#include "hub/options.h"
#include "hub/subscriber_info.h"
#include "hub/types.h"
#include "loop/loop.h"
#include "net/stream.h"

namespace tickwire::hub {

struct Message {
  TopicId topic = kNoTopic;
  // What retaining, conflation and filters go by; without one the topic is the key. A typed message about a symbol has
  // that symbol's, so that wire clients are told its name in time.
  KeyId key = kNoKey;
  PayloadKind kind = PayloadKind::kText;
  std::span<const uint8_t> payload;
  // kTyped: the wire format's domain and type, and the JSON for WebSocket clients. Without it kTextNeeded tells when
  // somebody needs it.
  uint8_t wire_domain = 1;
  uint8_t wire_type = 0;
  std::span<const uint8_t> text;
  std::span<const KeyId> mentions;  // further symbols that a typed payload refers to
  int64_t time_ns = 0;              // since the Unix epoch; 0: now
};

enum class PublishStatus : uint8_t {
  kPublished,
  kRefused,   // the rings are full because a loop does not keep up: on_drain() tells when to go on. Nothing was queued
  kTooLarge,  // payload (or text) above max_message
  kUnknownTopic,
  kUnknownKey,
  kKeyLimit,  // more pairs of topic and key than store.max_keys
  kClosed,
  kTextNeeded,  // a typed message without text, for which WebSocket clients wait (or will, as it is retained)
};

struct PublishResult {
  PublishStatus status = PublishStatus::kPublished;
  uint64_t sequence = 0;  // the topic's, from 1
};

class Hub {
 public:
  // The loops (at least one, at most 64) stay the caller's and run until release() of each. Fails with
  // kHubOptions, the field named in the text, or as shm::Segment::create() does.
  [[nodiscard]] static Result<std::unique_ptr<Hub>> create(const HubOptions& options, std::span<Loop* const> loops,
                                                           HubListener& listener);
  virtual ~Hub() = default;

  // The number of that name; made when it is new. Options count when it is new or was only subscribed to so far.
  // kHubName (empty, too long, not UTF-8, or "*"), kHubTopicLimit.
  [[nodiscard]] virtual Result<TopicId> topic(std::string_view name, const TopicOptions& options = {}) = 0;
  // Likewise for keys (symbols). kHubName, kHubKeyLimit.
  [[nodiscard]] virtual Result<KeyId> key(std::string_view name) = 0;

  [[nodiscard]] virtual PublishResult publish(const Message& message) = 0;
  // In order, until one is not published; returns how many were, and the status of the first that was not. Loops are
  // woken once.
  struct BatchResult {
    size_t published = 0;
    PublishStatus status = PublishStatus::kPublished;
  };
  [[nodiscard]] virtual BatchResult publish(std::span<const Message> messages) = 0;
  // What late joiners of a topic with TopicOptions::snapshot get first: one or more messages (topic, key and kind of
  // each as usual; their topic must be `topic`). It stands for everything published before this call, serves all who
  // wait now and those who come soon after. Not limited by the ring; kTooLarge above 64 MiB in all.
  [[nodiscard]] virtual PublishStatus publish_snapshot(TopicId topic, std::span<const Message> messages) = 0;

  // Connections. new_id() from any thread, before anything else is said about a connection; `loop` is an index.
  [[nodiscard]] virtual SubscriberId new_id(uint32_t loop) noexcept = 0;
  // The loop with the fewest subscribers.
  [[nodiscard]] virtual uint32_t least_loaded_loop() const noexcept = 0;
  [[nodiscard]] virtual uint32_t loop_count() const noexcept = 0;
  [[nodiscard]] virtual Loop& loop(uint32_t index) noexcept = 0;
  [[nodiscard]] static uint32_t loop_of(SubscriberId id) noexcept { return static_cast<uint32_t>(id & 0x3F); }
  // On the thread of loop_of(info.id). The descriptor is watched by nobody (unwatch it first), non-blocking, its
  // handshake done but for info.unsent. Whatever happens, on_connected() and on_disconnected() follow, perhaps before
  // this returns.
  virtual void add(std::unique_ptr<Stream> stream, SubscriberInfo info) = 0;

  // From any thread; an id that is gone is ignored. disconnect(): closing handshake with this code (1000, 1008, 1013,
  // 3000…4999; wire: Bye), then cut. send(): one message to one client, outside topics and sequences; false when its
  // kind is kTyped or it is larger than inbound.max_message. What a client has not taken of these is limited to
  // slow.pending_bytes; more disconnects it (kHubTooSlow).
  virtual void disconnect(SubscriberId id, uint16_t code, std::string_view reason) = 0;
  [[nodiscard]] virtual bool send(SubscriberId id, PayloadKind kind, std::span<const uint8_t> payload) = 0;

  // From any thread: HubListener::on_measured() follows from every loop, one `last` each; with an `only` that is not 0
  // from its loop alone, and without it when it is gone. Costs a loop one system call per subscriber.
  virtual void measure(uint64_t request, SubscriberId only) = 0;

  // From any thread. Tells readers of the shared memory that the hub is not stuck; ends it before close() does.
  virtual void beat() noexcept = 0;
  virtual void close_shm() noexcept = 0;

  [[nodiscard]] virtual Counters counters() const noexcept = 0;
  // Bit n: lane n has subscribers.
  [[nodiscard]] virtual uint32_t lanes_in_use() const noexcept = 0;

  // From any thread: from now on publish() says kClosed. close() does it as well.
  virtual void stop_publishing() noexcept = 0;

  // Publishes no more, sends what was published, says goodbye (1001, Bye), and cuts whoever has not answered after
  // `grace_ns`. Then on_closed(). Once; connections added meanwhile are turned away.
  virtual void close(int64_t grace_ns) = 0;
  // Cuts whatever is left on this loop and lets go of it. On its own thread, or when nothing runs it.
  virtual void release(uint32_t loop) = 0;
};

}  // namespace tickwire::hub
