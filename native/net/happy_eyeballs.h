// A race between the addresses of a host (RFC 8305 section 5): the next one starts when the last one failed or has kept
// us waiting for the attempt delay; the first to connect wins and the rest is closed.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "base/error.h"
#include "loop/loop.h"
#include "net/socket.h"
#include "net/socket_address.h"

namespace tickwire {

class HappyEyeballs {
 public:
  class Listener {
   public:
    virtual void on_race_won(Fd fd) = 0;  // connected, not watched
    // Every address failed. The most telling error: an answer of the peer before one of the local network.
    virtual void on_race_lost(const Error& error) = 0;

   protected:
    ~Listener() = default;
  };

  HappyEyeballs(Loop& loop, const SocketOptions& options, int64_t attempt_delay_ns, Listener& listener);
  HappyEyeballs(const HappyEyeballs&) = delete;
  HappyEyeballs& operator=(const HappyEyeballs&) = delete;
  ~HappyEyeballs();

  // Once; on the loop's thread and not below one of the listener's own calls. The listener may be called before it
  // returns.
  void start(std::vector<SocketAddress> addresses);
  // Closes whatever is still open; the listener is not called any more.
  void stop() noexcept;

 private:
  class Attempt;
  friend class Attempt;

  void start_next();
  // False when it failed at once.
  [[nodiscard]] bool open_attempt(const SocketAddress& address);
  void on_attempt_connected(Attempt& attempt);
  void on_attempt_failed(Attempt& attempt, int err);
  void on_delay_over(int64_t now_ns);
  void remember(Error error, const SocketAddress& address);
  [[nodiscard]] std::unique_ptr<Attempt> take(Attempt& attempt) noexcept;
  void win(Fd fd);

  Loop& loop_;
  const SocketOptions& options_;
  const int64_t attempt_delay_ns_;
  Listener& listener_;
  std::vector<SocketAddress> addresses_;
  size_t next_ = 0;
  std::vector<std::unique_ptr<Attempt>> attempts_;
  MemberTimer<HappyEyeballs, &HappyEyeballs::on_delay_over> delay_{*this};
  Error error_;
  bool over_ = false;
};

}  // namespace tickwire
