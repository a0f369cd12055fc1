// One connection on its way in. Ends by being handed over, or refused, and then leaves the front.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "hub/front.h"
#include "net/tls_stream.h"
#include "ws/byte_buffer.h"

namespace tickwire::hub {

class Newcomer final : private Watcher, private Resumable {
 public:
  // `turned_away`: admission refused it (and there is no ticket), but it is to be told so.
  Newcomer(Front& front, const Endpoint& endpoint, SubscriberId id, std::unique_ptr<Stream> stream, TlsStream* tls,
           const SocketAddress& peer, Admission::Ticket ticket, Refusal turned_away);
  ~Newcomer() override;
  Newcomer(const Newcomer&) = delete;
  Newcomer& operator=(const Newcomer&) = delete;

  void start();
  void authorized(AuthorizeAnswer& answer);
  // Closes its connection and lets go of the front, which may be gone before this object is.
  void detach() noexcept;
  [[nodiscard]] SubscriberId id() const noexcept { return info_.id; }
  [[nodiscard]] bool has_ticket() const noexcept { return turned_away_ == Refusal::kNone; }

 private:
  enum class State : uint8_t {
    kTls,
    kHead,       // the request, or Hello, is coming
    kAuthorize,  // judged; the user is being asked
    kAnswer,     // a refusal is being written
    kLinger,     // it was: the client may read it before the connection goes
    kDone,
  };

  void on_ready(uint32_t ready) override;
  void on_resume() override { proceed(); }
  void on_timeout(int64_t now_ns);
  void proceed();
  void shake_hands();
  void read_head();
  [[nodiscard]] bool judge();  // false: more bytes are needed
  void write_answer();
  void discard();

  // newcomer_websocket.cc
  [[nodiscard]] bool judge_request();
  void judge_upgrade(const ws::RequestHead& head, std::string_view rest);
  void choose_lane(ws::Upgrade& upgrade);
  [[nodiscard]] bool answer_health(const ws::RequestHead& head);
  void refuse_http(Refusal why, int http, std::string_view text);
  // newcomer_wire.cc
  [[nodiscard]] bool judge_hello();
  void refuse_wire(Refusal why, std::string_view text);

  void refuse(Refusal why, int http, std::string_view text);  // in the protocol's way
  void ask(AuthorizeRequest& request);
  void come_in();
  void say(std::string answer);
  void fail(Refusal why, std::string_view text);  // cuts without a word
  void leave() noexcept;
  [[nodiscard]] std::span<const uint8_t> bytes() const noexcept { return input_.bytes(); }

  Front& front_;
  const Endpoint& endpoint_;
  std::unique_ptr<Stream> stream_;
  TlsStream* tls_;  // the same, when it is one
  const int fd_;
  const SocketAddress peer_;
  Admission::Ticket ticket_;
  const Refusal turned_away_;
  State state_;
  bool watched_ = false;
  bool detached_ = false;
  ws::ByteBuffer input_;
  ws::RequestParser parser_;
  SubscriberInfo info_;  // as judged
  std::string answer_;   // what is left of it to be written
  size_t discarded_ = 0;
  MemberTimer<Newcomer, &Newcomer::on_timeout> timer_{*this};
};

}  // namespace tickwire::hub
