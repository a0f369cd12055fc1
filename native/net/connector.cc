#include "net/connector.h"

#include "net/connect_attempt.h"

namespace tickwire {

namespace {

class ConnectorHandle final : public Connector {
 public:
  ConnectorHandle(Loop& loop, std::unique_ptr<ConnectAttempt> attempt) : loop_(loop), attempt_(std::move(attempt)) {}
  ~ConnectorHandle() override {
    attempt_->abandon();
    loop_.defer_delete(std::move(attempt_));  // the listener destroys us from below the attempt's own frames
  }

 private:
  Loop& loop_;
  std::unique_ptr<ConnectAttempt> attempt_;
};

}  // namespace

std::unique_ptr<Connector> ConnectAttempt::launch(Loop& loop, const ConnectTarget& target, ConnectListener& listener,
                                                  Resolver& resolver) {
  auto attempt = std::make_unique<ConnectAttempt>(loop, target, listener, resolver);
  attempt->start();
  return std::make_unique<ConnectorHandle>(loop, std::move(attempt));
}

std::unique_ptr<Connector> Connector::start(Loop& loop, const ConnectTarget& target, ConnectListener& listener) {
  return ConnectAttempt::launch(loop, target, listener, Resolver::process());
}

}  // namespace tickwire
