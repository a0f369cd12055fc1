#include "hub/requests.h"

#include <simdjson.h>

#include <algorithm>
#include <utility>

#include "hub/broadcast_loop.h"
#include "hub/notices.h"

namespace tickwire::hub {
namespace {

namespace od = simdjson::ondemand;

constexpr size_t kMaxId = 64;

bool read_names(od::value value, size_t most, std::vector<std::string>& names) {
  od::array list;
  if (value.get_array().get(list) != simdjson::SUCCESS) return false;
  for (auto item : list) {
    std::string_view name;
    if (item.get_string().get(name) != simdjson::SUCCESS || names.size() == most) return false;
    names.emplace_back(name);
  }
  return true;
}

}  // namespace

enum class Op : uint8_t { kNone, kSubscribe, kUnsubscribe, kPing };

struct Requests::Request {
  Op op = Op::kNone;
  std::vector<std::string> topics;
  std::vector<std::string> keys;
  bool prior = true;
  std::string id;  // JSON text; "" when there is none
  const char* fault = nullptr;
};

struct Requests::Parser {
  od::parser json;
};

Requests::Requests(BroadcastLoop& loop) : loop_(loop), parser_(std::make_unique<Parser>()) {}
Requests::~Requests() = default;

namespace {

Op op_of(std::string_view name) noexcept {
  if (name == "subscribe") return Op::kSubscribe;
  if (name == "unsubscribe") return Op::kUnsubscribe;
  if (name == "ping") return Op::kPing;
  return Op::kNone;
}

bool read_id(od::value value, std::string& id) {
  od::json_type type;
  if (value.type().get(type) != simdjson::SUCCESS) return false;
  if (type == od::json_type::number) {
    int64_t number = 0;
    if (value.get_int64().get(number) != simdjson::SUCCESS) return false;
    id = std::to_string(number);
    return true;
  }
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS || text.size() > kMaxId) return false;
  append_json_string(id, text);
  return true;
}

bool read_filter(od::value value, size_t most, std::vector<std::string>& keys) {
  od::object filter;
  if (value.get_object().get(filter) != simdjson::SUCCESS) return false;
  for (auto field : filter) {
    std::string_view name;
    od::value inner;
    if (field.unescaped_key().get(name) != simdjson::SUCCESS || field.value().get(inner) != simdjson::SUCCESS) {
      return false;
    }
    if (name != "keys" || !read_names(inner, most, keys)) return false;
  }
  return true;
}

}  // namespace

// False when it has no "op" of ours: then it belongs to the user, and need not even be JSON.
bool Requests::read(std::span<const uint8_t> message, Request& request) {
  const InboundOptions& limits = loop_.options().inbound;
  const simdjson::padded_string_view text(reinterpret_cast<const char*>(message.data()), message.size(),
                                          message.size() + simdjson::SIMDJSON_PADDING);
  od::document document;
  od::object object;
  if (parser_->json.iterate(text).get(document) != simdjson::SUCCESS) return false;
  if (document.get_object().get(object) != simdjson::SUCCESS) return false;
  for (auto field : object) {
    std::string_view name;
    od::value value;
    if (field.unescaped_key().get(name) != simdjson::SUCCESS || field.value().get(value) != simdjson::SUCCESS) {
      return false;
    }
    if (name == "op") {
      std::string_view op;
      if (value.get_string().get(op) != simdjson::SUCCESS) return false;
      request.op = op_of(op);
    } else if (name == "topics") {
      if (!read_names(value, limits.max_subscriptions, request.topics)) request.fault = "topics: an array of names";
    } else if (name == "filter") {
      if (!read_filter(value, limits.max_filter_keys, request.keys)) request.fault = "filter: {\"keys\":[names]}";
    } else if (name == "snapshot") {
      if (value.get_bool().get(request.prior) != simdjson::SUCCESS) request.fault = "snapshot: true or false";
    } else if (name == "id") {
      if (!read_id(value, request.id)) request.fault = "id: a whole number or a short string";
    }
    // A fault inside a value leaves the rest unread; what we know of it by then has to do.
    if (request.fault != nullptr) break;
  }
  return request.op != Op::kNone;
}

bool Requests::handle(Subscriber& s, std::span<const uint8_t> message) {
  Request request;
  if (!read(message, request)) return false;
  s.more->speaks = true;
  if (request.fault == nullptr && request.op != Op::kPing && request.topics.empty())
    request.fault = "topics: none given";
  if (request.fault != nullptr) {
    refuse(s, Error{Errc::kHubRequest, 0, request.fault}, {}, request);
  } else if (request.op == Op::kSubscribe) {
    subscribe(s, request);
  } else if (request.op == Op::kUnsubscribe) {
    unsubscribe(s, request);
  } else {
    loop_.tally().requests.add();
    answer(s, "pong", {}, request);
  }
  if (s.open() && !s.blocked) loop_.delivery().serve(s);
  return true;
}

void Requests::reject(Subscriber& s) {
  refuse(s, Error{Errc::kHubRequest, 0, "op: subscribe, unsubscribe or ping"}, {}, Request());
  if (s.open() && !s.blocked) loop_.delivery().serve(s);
}

void Requests::subscribe(Subscriber& s, Request& request) {
  std::shared_ptr<KeyFilter> filter;
  if (!request.keys.empty()) filter = std::make_shared<KeyFilter>(std::move(request.keys), loop_.publication());
  std::vector<std::string> done;
  for (std::string& topic : request.topics) {
    const Result<void> subscribed = loop_.joining().subscribe(s, topic, filter, request.prior, 0);
    if (!s.open()) return;
    if (!subscribed.ok()) {
      refuse(s, subscribed.error(), topic, request);
      continue;
    }
    loop_.tally().requests.add();
    loop_.listener().on_subscription(s.more->id, topic, true);
    done.push_back(std::move(topic));
  }
  if (!done.empty()) answer(s, "subscribed", done, request);
}

void Requests::unsubscribe(Subscriber& s, const Request& request) {
  std::vector<std::string> done;
  for (const std::string& topic : request.topics) {
    if (!loop_.joining().unsubscribe(s, topic)) {
      refuse(s, Error{Errc::kHubRequest, 0, "not subscribed"}, topic, request);
      continue;
    }
    loop_.tally().requests.add();
    loop_.listener().on_subscription(s.more->id, topic, false);
    done.push_back(topic);
  }
  if (!done.empty()) answer(s, "unsubscribed", done, request);
}

void Requests::answer(Subscriber& s, std::string_view op, const std::vector<std::string>& topics,
                      const Request& request) {
  std::string json = R"({"op":")";
  json += op;
  json += '"';
  if (!topics.empty()) {
    json += R"(,"topics":[)";
    for (const std::string& topic : topics) {
      append_json_string(json, topic);
      json += ',';
    }
    json.back() = ']';
  }
  if (!request.id.empty()) json.append(",\"id\":").append(request.id);
  json += '}';
  if (!append_text(s, json)) loop_.finish(s, Error{Errc::kNoMemory, 0, "no memory for an answer"}, false);
}

void Requests::refuse(Subscriber& s, const Error& error, std::string_view topic, const Request& request) {
  loop_.tally().refused_requests.add();
  std::string json = R"({"op":"error","code":")";
  json += errc_name(error.code);
  json += R"(","message":)";
  append_json_string(json, error.text);
  if (!topic.empty()) {
    json += R"(,"topic":)";
    append_json_string(json, topic);
  }
  if (!request.id.empty()) json.append(",\"id\":").append(request.id);
  json += '}';
  if (!append_text(s, json)) loop_.finish(s, Error{Errc::kNoMemory, 0, "no memory for an answer"}, false);
}

}  // namespace tickwire::hub
