// The JSON requests of WebSocket clients:
//   {"op":"subscribe","topics":["a","b"],"filter":{"keys":["BTCUSDT"]},"snapshot":true,"id":1}
//   {"op":"unsubscribe","topics":["a"],"id":2}
//   {"op":"ping","id":3}
// and their answers, which repeat the id:
//   {"op":"subscribed","topics":["a","b"],"id":1}   {"op":"unsubscribed","topics":["a"],"id":2}   {"op":"pong","id":3}
//   {"op":"error","code":"ERR_HUB_FORBIDDEN","message":"…","topic":"b","id":1}
// "*" is every topic. An id is a whole number or a string of up to 64 bytes.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "hub/key_filter.h"
#include "hub/subscriber.h"

namespace tickwire::hub {

class BroadcastLoop;

class Requests {
 public:
  explicit Requests(BroadcastLoop& loop);
  ~Requests();
  // False when the message is not a request but the user's own. 64 bytes behind its end may be loaded.
  [[nodiscard]] bool handle(Subscriber& s, std::span<const uint8_t> message);
  // Answers what is no request when nobody else takes it either.
  void reject(Subscriber& s);

 private:
  struct Request;
  struct Parser;
  [[nodiscard]] bool read(std::span<const uint8_t> message, Request& request);
  void subscribe(Subscriber& s, Request& request);
  void unsubscribe(Subscriber& s, const Request& request);
  void answer(Subscriber& s, std::string_view op, const std::vector<std::string>& topics, const Request& request);
  void refuse(Subscriber& s, const Error& error, std::string_view topic, const Request& request);

  BroadcastLoop& loop_;
  std::unique_ptr<Parser> parser_;
};

}  // namespace tickwire::hub
