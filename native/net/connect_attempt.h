// What stands behind Connector: one attempt, phase by phase.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "loop/loop.h"
#include "net/connector.h"
#include "net/happy_eyeballs.h"
#include "net/proxy_connect.h"
#include "net/resolver.h"
#include "net/tls_stream.h"

namespace tickwire {

// Every phase runs on the loop: start() only queues the first one, so the listener is never called from inside it.
class ConnectAttempt final : private Watcher, private Resumable, private HappyEyeballs::Listener {
 public:
  ConnectAttempt(Loop& loop, const ConnectTarget& target, ConnectListener& listener, Resolver& resolver);
  ConnectAttempt(const ConnectAttempt&) = delete;
  ConnectAttempt& operator=(const ConnectAttempt&) = delete;
  ~ConnectAttempt() override { abandon(); }

  void start();
  // Closes everything; the listener is not called any more.
  void abandon() noexcept;

  // The handle that Connector::start gives out, with a resolver of one's own.
  [[nodiscard]] static std::unique_ptr<Connector> launch(Loop& loop, const ConnectTarget& target,
                                                         ConnectListener& listener, Resolver& resolver);

 private:
  enum class Phase : uint8_t { kIdle, kResolve, kConnect, kProxy, kTls, kDone };

  void on_resume() override;
  void on_ready(uint32_t ready) override;
  void on_race_won(Fd fd) override;
  void on_race_lost(const Error& error) override;
  void on_time_over(int64_t now_ns);

  void on_resolved(const Result<Resolver::Addresses>& addresses);
  void begin_tunnel();
  void go_on_with_tunnel();
  [[nodiscard]] bool send_tunnel_request();
  void begin_tls();
  void go_on_with_tls();
  void succeed(std::unique_ptr<Stream> stream);
  void fail(const Error& error);
  void stop_watching() noexcept;
  [[nodiscard]] bool tunnels() const noexcept { return !target_.proxy.host.empty(); }
  [[nodiscard]] const std::string& dialled_host() const noexcept {
    return tunnels() ? target_.proxy.host : target_.host;
  }

  Loop& loop_;
  const ConnectTarget target_;
  ConnectListener& listener_;
  Resolver& resolver_;
  Phase phase_ = Phase::kIdle;
  MemberTimer<ConnectAttempt, &ConnectAttempt::on_time_over> timer_{*this};
  std::unique_ptr<Resolver::Query> query_;
  HappyEyeballs race_;
  Fd fd_;  // between the race and the stream
  bool watching_ = false;
  std::string request_;
  size_t request_sent_ = 0;
  ProxyAnswer answer_;
  std::unique_ptr<TlsStream> tls_;
  StreamInfo info_;
};

}  // namespace tickwire
