// Sessions in the wire format over a segment of shared memory: there is nobody to talk to, only frames to read.
#pragma once
#include <memory>

#include "feed/options.h"
#include "feed/session_source.h"
#include "loop/loop.h"
#include "wire/receiver.h"
#include "wire/session.h"
#include "wire/subscriptions.h"

namespace tickwire::feed {

class ShmSource final : public SessionSource, private Resumable {
 public:
  ShmSource(Loop& loop, ShmOptions options, wire::Receiver& receiver, const wire::Subscriptions& subscriptions,
            wire::SessionListener& listener);
  ~ShmSource() override { abandon(); }
  // Fails with what shm::Reader::open() fails with, and with kShmWriterGone when the segment is one that a writer left.
  void attempt(SourceListener& listener) override;
  void abandon() noexcept override;

 private:
  void on_resume() override;
  [[nodiscard]] Result<std::unique_ptr<SessionControl>> open();

  Loop& loop_;
  const ShmOptions options_;
  wire::Receiver& receiver_;
  const wire::Subscriptions& subscriptions_;
  wire::SessionListener& session_listener_;
  SourceListener* listener_ = nullptr;  // while an attempt is under way
};

}  // namespace tickwire::feed
