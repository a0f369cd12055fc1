// The HTTP/2 session: whatever a server sends, in whatever pieces, each request has at most one head of bounded size,
// then its body, then one end; what is answered without an error is the same for every way to cut it; and what the
// session wants to send is bounded.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "http/h2_session.h"

namespace {

using namespace tickwire;
using namespace tickwire::http;

constexpr ResponseLimits kLimits{.max_head = 512, .max_fields = 16, .max_interim = 3, .max_body = 4096};
constexpr RequestId kMostRequests = 4;
constexpr size_t kMostOut = 1u << 20;

struct Answer {
  std::string text;
  uint64_t body = 0;
  bool head = false;
};

struct Outcome {
  std::map<RequestId, std::string> answers;  // of the streams that ended
  bool failed = false;
};

class Rig {
 public:
  Rig(RequestId requests, bool with_body) {
    auto made = H2Session::create(kLimits, true);
    if (!made.ok()) std::abort();
    session_ = std::move(made.value());
    const std::string body(with_body ? 300 : 0, 'x');
    for (RequestId id = 1; id <= requests; ++id) {
      const Request request{.method = with_body ? "POST" : "GET",
                            .target = "/api/v3/order?a=b",
                            .authority = "example.com",
                            .fields = "x-mbx-apikey:k\naccept:*/*\n",
                            .body = {reinterpret_cast<const uint8_t*>(body.data()), body.size()},
                            .has_body = with_body};
      if (!session_->submit(id, request).ok()) std::abort();
    }
    send();
  }

  // False: the session is over.
  bool feed(std::span<const uint8_t> piece) {
    const Error error = session_->feed(piece);
    take_events();
    if (error || !send()) {
      outcome_.failed = true;
      return false;
    }
    return !session_->over();
  }

  Outcome outcome() && { return std::move(outcome_); }

 private:
  bool send() {
    std::string out;
    if (session_->collect(out, kMostOut)) return false;
    if (out.size() > kMostOut + (64u << 10)) std::abort();
    return true;
  }

  void take_events() {
    std::vector<H2Event> events;
    events.swap(session_->events());
    for (const H2Event& event : events) {
      H2Stream& stream = *event.stream;
      Answer& answer = open_[stream.id];
      switch (event.kind) {
        case H2Event::Kind::kHead:
          if (answer.head || stream.status < 200 || stream.fields.size() > kLimits.max_head) std::abort();
          answer.head = true;
          answer.text = std::to_string(stream.status) + "\n" + stream.fields;
          break;
        case H2Event::Kind::kBody:
          if (!answer.head) std::abort();
          answer.body += event.piece.size();
          if (answer.body > kLimits.max_body) std::abort();
          answer.text.append(event.piece.begin(), event.piece.end());
          session_->consumed(stream, event.piece.size());
          break;
        case H2Event::Kind::kClosed: {
          answer.text += "\nclosed " + std::to_string(event.code);
          if (stream.error) answer.text = "refused";
          if (!outcome_.answers.emplace(stream.id, answer.text).second) std::abort();
          open_.erase(stream.id);
          session_->recycle(&stream);
          break;
        }
      }
    }
  }

  std::unique_ptr<H2Session> session_;
  std::map<RequestId, Answer> open_;
  Outcome outcome_;
};

Outcome run(std::span<const uint8_t> bytes, size_t step, RequestId requests, bool with_body) {
  Rig rig(requests, with_body);
  for (size_t at = 0; at < bytes.size(); at += step) {
    if (!rig.feed(bytes.subspan(at, std::min(step, bytes.size() - at)))) break;
  }
  return std::move(rig).outcome();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const RequestId requests = 1 + data[0] % kMostRequests;
  const bool with_body = (data[0] & 0x80) != 0;
  const size_t step = 1 + data[1] % 64;
  const std::span<const uint8_t> bytes{data + 2, size - 2};
  const Outcome whole = run(bytes, bytes.size() + 1, requests, with_body);
  const Outcome pieces = run(bytes, step, requests, with_body);
  // In pieces our own frames leave between them: a reset or a settings frame that is under way may change what the peer
  // may do.
  if (whole.failed || pieces.failed) return 0;
  for (const auto& [id, text] : whole.answers) {
    // A stream that both sides have reason to end is ended by whoever says so first, and then with the one's code or
    // the other's. What was answered both times is the same.
    const auto other = pieces.answers.find(id);
    const auto answered = [](const std::string& each) { return each.ends_with("closed 0"); };
    if (other == pieces.answers.end() || !answered(text) || !answered(other->second)) continue;
    if (other->second != text) std::abort();
  }
  return 0;
}
