// A client of the hub that speaks the wire format, over TCP or in binary WebSocket messages.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hub_rig.h"
#include "wire/control.h"
#include "wire/frame_parser.h"
#include "wire/frame_writer.h"
#include "wire/market.h"

namespace tickwire::hub_rig {

struct WireMessage {
  wire::Header header;
  std::vector<uint8_t> payload;

  template <class M>
  [[nodiscard]] M as() const {
    M message;
    REQUIRE(wire::get(payload, message));
    return message;
  }
};

class WireClient : private wire::EachFrameSink {
 public:
  WireClient(Lane lane, ClientEnd end) : lane_(lane), end_(std::move(end)) {
    if (lane_ == Lane::kWire) end_.keep_raw();
  }
  // Takes what has come apart; every frame must be whole and intact.
  void read(size_t most = SIZE_MAX) {
    end_.read_some(most);
    if (lane_ == Lane::kWire) {
      std::vector<uint8_t> bytes(end_.raw.begin(), end_.raw.end());
      end_.raw.erase(0, parser_.feed(bytes, size_t{64} << 20, *this).consumed);
    } else {
      while (!end_.frames.empty()) {
        const Received frame = std::move(end_.frames.front());
        end_.frames.pop_front();
        if (frame.opcode == 8) closed = true;
        if (frame.opcode != 2) continue;
        std::vector<uint8_t> bytes(frame.payload.begin(), frame.payload.end());
        CHECK(parser_.finish(bytes, *this).consumed == bytes.size());
      }
    }
    CHECK(parser_.counters().skipped_bytes == 0);
  }
  template <class... M>
  void say(wire::Type type, const M&... message) {
    std::vector<uint8_t> frame(4096);
    wire::TlvWriter out({frame.data() + wire::kHeaderBytes, 4000});
    wire::put(out, message...);
    REQUIRE(out.ok());
    wire::Header header;
    header.type = static_cast<uint8_t>(type);
    frame.resize(wire::seal_frame(frame.data(), header, out.size()));
    if (lane_ == Lane::kWire) return end_.send_bytes(frame);
    end_.send_frame(ws::Opcode::kBinary, {reinterpret_cast<const char*>(frame.data()), frame.size()});
  }
  [[nodiscard]] std::vector<WireMessage> take(wire::Type type) {
    std::vector<WireMessage> out;
    std::vector<WireMessage> others;
    for (WireMessage& m : got) (m.header.is(type) ? out : others).push_back(std::move(m));
    got = std::move(others);
    return out;
  }
  ClientEnd& end() { return end_; }

  std::vector<WireMessage> got;
  bool closed = false;

 private:
  wire::Flow on_frame(const wire::Frame& frame) override {
    got.push_back({frame.header, {frame.payload.begin(), frame.payload.end()}});
    return wire::Flow::kContinue;
  }

  Lane lane_;
  ClientEnd end_;
  wire::FrameParser parser_;
};

// A typed message: a quote of this symbol.
class QuoteMessage {
 public:
  QuoteMessage(TopicId topic, KeyId key, int64_t bid) : payload_(64) {
    wire::TlvWriter out(payload_);
    wire::Quote quote;
    quote.symbol = key;
    quote.bid = bid;
    quote.ask = bid + 1;
    wire::put(out, quote);
    payload_.resize(out.size());
    message_.topic = topic;
    message_.key = key;
    message_.kind = PayloadKind::kTyped;
    message_.wire_domain = static_cast<uint8_t>(wire::Domain::kMarketData);
    message_.wire_type = static_cast<uint8_t>(wire::Type::kQuote);
    message_.payload = payload_;
    text_ = std::to_string(bid);
    message_.text = bytes_of(text_);
  }
  QuoteMessage(const QuoteMessage&) = delete;
  QuoteMessage& operator=(const QuoteMessage&) = delete;
  [[nodiscard]] const Message& message() const { return message_; }

 private:
  std::vector<uint8_t> payload_;
  std::string text_;
  Message message_;
};

inline PublishStatus publish_quote(HubRig& rig, TopicId topic, KeyId key, int64_t bid) {
  const QuoteMessage quote(topic, key, bid);
  return rig->publish(quote.message()).status;
}

}  // namespace tickwire::hub_rig
