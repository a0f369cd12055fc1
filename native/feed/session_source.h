// Where a feed's sessions come from: one attempt at a time, retrying is the feed's policy.
#pragma once
#include <memory>

#include "base/error.h"
#include "net/session_control.h"
#include "net/stream.h"

namespace tickwire::feed {

class SourceListener {
 public:
  virtual void on_session(std::unique_ptr<SessionControl> session, const StreamInfo& info) = 0;  // not started yet
  virtual void on_no_session(const Error& error) = 0;

 protected:
  ~SourceListener() = default;
};

// Lives on the loop's thread.
class SessionSource {
 public:
  virtual ~SessionSource() = default;  // abandons
  // Begins an attempt, which ends by one of the listener's calls, never from inside this one.
  virtual void attempt(SourceListener& listener) = 0;
  // The attempt that is under way, if any, ends silently. Allowed inside the listener's calls.
  virtual void abandon() noexcept = 0;
};

}  // namespace tickwire::feed
