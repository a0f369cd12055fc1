// The hub's door: listens, admits, shakes hands (TLS, then WebSocket or the wire format's Hello), asks whether a client
// may come in, and hands it over to the loop that will serve it. All of this happens on the hub's loop 0.
//
//   listener → admission → TLS → request | Hello → authorize → Hub::add()
//
// What a client can make the front hold is one request per admitted connection, for handshake_timeout_ns.
#pragma once
#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "hub/admission.h"
#include "hub/front_options.h"
#include "hub/hub.h"
#include "loop/loop.h"

namespace tickwire::hub {

class Newcomer;

class Front {
 public:
  // Listens. On the thread of hub.loop(0); `hub` and `listener` outlive it. On an error nothing listens; the text names
  // the address.
  [[nodiscard]] static Result<std::unique_ptr<Front>> open(Hub& hub, FrontOptions options, FrontListener& listener);
  ~Front();  // on that thread too
  Front(const Front&) = delete;
  Front& operator=(const Front&) = delete;

  [[nodiscard]] const SocketAddress& address(size_t endpoint) const { return doors_[endpoint]->listener->address(); }
  // From any thread; an id that is gone, or has been answered, is ignored.
  void answer(SubscriberId id, AuthorizeAnswer answer);
  // From any thread: who comes from now on is turned away (503, as are health checks), while connections live on.
  void drain() noexcept { draining_.store(true, std::memory_order_relaxed); }
  // On the loop's thread: stops listening and cuts who has not been handed over.
  void close();
  // From any thread, with HubListener::on_disconnected: the connection counts no longer.
  void forget(SubscriberId id);
  [[nodiscard]] FrontCounters counters() const;  // any thread

 private:
  friend class Newcomer;
  struct Door final : AcceptListener {  // one endpoint
    Door(Front& f, size_t i) : front(f), index(i) {}
    void on_accepted(Fd socket, const SocketAddress& peer) override { front.arrive(index, std::move(socket), peer); }
    void on_accept_failed(const Error& error, int64_t) override;
    Front& front;
    size_t index;
    std::unique_ptr<Listener> listener;
  };
  struct Life {
    Front* front = nullptr;
  };

  Front(Hub& hub, FrontOptions options, FrontListener& listener, uint64_t seed);
  void arrive(size_t endpoint, Fd socket, const SocketAddress& peer);
  void answered(SubscriberId id, AuthorizeAnswer& answer);
  void publish_listen_counters() noexcept;

  // For newcomers.
  [[nodiscard]] bool take_tls_step() noexcept;
  void refused(Refusal why, int http, const SocketAddress& peer, std::string_view text);
  void hand_over(std::unique_ptr<Stream> stream, SubscriberInfo info, Admission::Ticket ticket);
  void remove(Newcomer& newcomer) noexcept;
  [[nodiscard]] bool origin_allowed(std::string_view origin) const noexcept;
  [[nodiscard]] bool draining() const noexcept { return draining_.load(std::memory_order_relaxed); }

  Hub& hub_;
  Loop& loop_;
  const FrontOptions options_;
  FrontListener& listener_;
  const std::shared_ptr<Life> life_ = std::make_shared<Life>();
  const std::shared_ptr<Admission> admission_;
  std::vector<std::unique_ptr<Door>> doors_;
  std::unordered_map<SubscriberId, std::unique_ptr<Newcomer>> newcomers_;
  uint32_t farewells_ = 0;  // newcomers without a ticket
  int64_t tls_turn_ = -1;   // loop time of the turn that tls_left_ belongs to
  uint32_t tls_left_ = 0;
  TokenBucket reports_;
  uint64_t suppressed_ = 0;

  std::mutex tickets_mutex_;
  std::unordered_map<SubscriberId, Admission::Ticket> tickets_;  // of connections that were handed over
  std::vector<std::atomic<uint32_t>> load_;                      // connections by loop, newcomers included
  std::atomic<bool> draining_{false};
  std::atomic<uint64_t> accepted_{0}, admitted_{0}, health_{0}, aborted_{0}, accept_failed_{0};
  std::array<std::atomic<uint64_t>, static_cast<size_t>(Refusal::kCount)> refusals_{};
};

}  // namespace tickwire::hub
