#include "feed/stream_source.h"

#include <utility>

namespace tickwire::feed {

StreamSource::StreamSource(Loop& loop, ConnectTarget target, MakeSession make_session)
    : loop_(loop), target_(std::move(target)), make_session_(std::move(make_session)) {}

void StreamSource::attempt(SourceListener& listener) {
  listener_ = &listener;
  connector_ = Connector::start(loop_, target_, *this);
}

// At once, which the connector allows below its own frames: in the rest of the turn its timer must not report any more.
void StreamSource::abandon() noexcept { connector_.reset(); }

void StreamSource::on_connected(std::unique_ptr<Stream> stream, const StreamInfo& info) {
  const StreamInfo kept = info;
  abandon();
  auto session = make_session_(std::move(stream));
  if (session.ok()) {
    listener_->on_session(std::move(session.value()), kept);
  } else {
    listener_->on_no_session(session.error());
  }
}

void StreamSource::on_connect_failed(const Error& error) {
  const Error kept = error;
  abandon();
  listener_->on_no_session(kept);
}

}  // namespace tickwire::feed
