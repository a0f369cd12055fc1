#include "feed/shm_source.h"

#include <utility>

#include "feed/shm_session.h"

namespace tickwire::feed {

ShmSource::ShmSource(Loop& loop, ShmOptions options, wire::Receiver& receiver, const wire::Subscriptions& subscriptions,
                     wire::SessionListener& listener)
    : loop_(loop),
      options_(std::move(options)),
      receiver_(receiver),
      subscriptions_(subscriptions),
      session_listener_(listener) {}

void ShmSource::attempt(SourceListener& listener) {
  listener_ = &listener;
  loop_.resume_later(*this);
}

void ShmSource::abandon() noexcept {
  listener_ = nullptr;
  loop_.cancel_resume(*this);
}

void ShmSource::on_resume() {
  SourceListener* const listener = std::exchange(listener_, nullptr);
  auto session = open();
  if (session.ok()) {
    listener->on_session(std::move(session.value()), {});
  } else {
    listener->on_no_session(session.error());
  }
}

Result<std::unique_ptr<SessionControl>> ShmSource::open() {
  auto opened = shm::Reader::open(options_.place);
  if (!opened.ok()) return opened.error();
  // Of a writer that was read before: everything that is still there, since the numbers tell what came already. Of the
  // next one: everything from its start.
  const uint64_t known = receiver_.epoch();
  bool joining = true;
  if (known != 0) {
    joining = opened.value()->epoch() == known;
    opened = shm::Reader::open(options_.place, {joining ? shm::From::kOldest : shm::From::kStart, shm::From::kNewest});
    if (!opened.ok()) return opened.error();
  }
  if (!opened.value()->writer_alive()) {
    return Error{Errc::kShmWriterGone, 0, "the segment is one that a writer left behind"};
  }
  return ShmSession::create(loop_, std::move(opened.value()), joining, options_.spin, receiver_, subscriptions_,
                            session_listener_);
}

}  // namespace tickwire::feed
