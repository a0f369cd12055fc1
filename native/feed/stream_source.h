// Sessions over TCP or TLS: a connector's stream, and what makes a session of it.
#pragma once
#include <functional>
#include <memory>

#include "feed/session_source.h"
#include "loop/loop.h"
#include "net/connector.h"

namespace tickwire::feed {

class StreamSource final : public SessionSource, private ConnectListener {
 public:
  using MakeSession = std::function<Result<std::unique_ptr<SessionControl>>(std::unique_ptr<Stream>)>;
  StreamSource(Loop& loop, ConnectTarget target, MakeSession make_session);
  void attempt(SourceListener& listener) override;
  void abandon() noexcept override;

 private:
  void on_connected(std::unique_ptr<Stream> stream, const StreamInfo& info) override;
  void on_connect_failed(const Error& error) override;

  Loop& loop_;
  const ConnectTarget target_;
  const MakeSession make_session_;
  SourceListener* listener_ = nullptr;
  std::unique_ptr<Connector> connector_;
};

}  // namespace tickwire::feed
