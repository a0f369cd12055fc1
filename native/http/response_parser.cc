#include "http/response_parser.h"

#include <llhttp.h>

#include <array>
#include <string>

namespace tickwire::http {
namespace {

// The characters of a field name (RFC 9110 section 5.6.2) in lower case, 0 for those that it cannot have.
constexpr std::array<char, 256> name_table() noexcept {
  std::array<char, 256> table{};
  for (size_t i = 0; i < table.size(); ++i) {
    const auto c = static_cast<char>(i);
    const bool upper = c >= 'A' && c <= 'Z';
    const bool token = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                       std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    if (token) table[i] = upper ? static_cast<char>(c + 32) : c;
  }
  return table;
}
constexpr std::array<char, 256> kNameChar = name_table();

}  // namespace

struct ResponseParser::State {
  enum class Phase : uint8_t { kIdle, kWaiting, kHead, kBody };

  explicit State(ResponseLimits l) : limits(l) {
    llhttp_settings_init(&settings);
    settings.on_message_begin = [](llhttp_t* p) { return of(p).message_begin(); };
    settings.on_header_field = [](llhttp_t* p, const char* at, size_t n) { return of(p).field_name({at, n}); };
    settings.on_header_value = [](llhttp_t* p, const char* at, size_t n) { return of(p).field_value({at, n}); };
    settings.on_header_value_complete = [](llhttp_t* p) { return of(p).field_complete(); };
    settings.on_headers_complete = [](llhttp_t* p) { return of(p).head_complete(); };
    settings.on_body = [](llhttp_t* p, const char* at, size_t n) { return of(p).body({at, n}); };
    settings.on_message_complete = [](llhttp_t* p) { return of(p).message_complete(); };
    restart();
  }

  static State& of(llhttp_t* p) noexcept { return *static_cast<State*>(p->data); }

  void restart() noexcept {
    llhttp_init(&parser, HTTP_RESPONSE, &settings);
    parser.data = this;
  }

  int fail(Errc code, const char* text) {
    if (!error) error = Error{code, 0, text};
    return -1;
  }

  int message_begin() {
    fields.clear();
    count = 0;
    in_value = false;
    trailers = false;
    phase = Phase::kHead;
    return 0;
  }

  // A name or value may come in several pieces. Trailers are checked against the same limits and not kept.
  int field_name(std::string_view piece) {
    if (in_value) end_value();
    if (!within_limits(piece.size() + 1)) return -1;
    if (phase == Phase::kBody) trailers = true;
    if (!name_open) {
      name_open = true;
      if (++count > limits.max_fields) return fail(Errc::kHttpHeadTooLarge, "too many header fields");
    }
    const size_t start = fields.size();
    fields.resize(start + piece.size());
    bool is_token = true;
    for (size_t i = 0; i < piece.size(); ++i) {
      const char c = kNameChar[static_cast<uint8_t>(piece[i])];
      is_token &= c != 0;
      fields[start + i] = c;
    }
    // llhttp lets spaces pass, which some proxies cut off and others do not.
    if (!is_token) return fail(Errc::kHttpMalformed, "a field name is no token");
    if (trailers) {
      fields.resize(start);
      trailer_bytes += piece.size();
    }
    return 0;
  }

  int field_value(std::string_view piece) {
    // The colon is in front of the first piece alone, or a value in pieces would be allowed less than one at once.
    if (!within_limits(piece.size() + (in_value ? 0 : 1))) return -1;
    start_value();
    if (trailers) {
      trailer_bytes += piece.size();
      return 0;
    }
    // An obsolete line folding (RFC 9112 section 5.2) becomes what it stands for.
    const size_t start = fields.size();
    fields.append(piece);
    for (size_t i = start; i < fields.size(); ++i) {
      if (fields[i] == '\r' || fields[i] == '\n') fields[i] = ' ';
    }
    return 0;
  }

  int field_complete() {
    start_value();  // an empty value is announced by nothing else
    end_value();
    return 0;
  }

  void start_value() {
    if (in_value) return;
    in_value = true;
    name_open = false;
    if (trailers) {
      ++trailer_bytes;
    } else {
      fields.push_back(':');
    }
  }

  void end_value() {
    in_value = false;
    if (trailers) return;
    while (fields.back() == ' ' || fields.back() == '\t') fields.pop_back();
    fields.push_back('\n');
  }

  bool within_limits(size_t more) {
    if (fields.size() + trailer_bytes + more <= limits.max_head) return true;
    fail(Errc::kHttpHeadTooLarge, "the response's header fields are larger than the limit");
    return false;
  }

  int head_complete() {
    if (parser.http_major != 1 || parser.http_minor > 1) return fail(Errc::kHttpMalformed, "not HTTP/1.0 or HTTP/1.1");
    constexpr auto kBoth = F_CONTENT_LENGTH | F_TRANSFER_ENCODING;
    // Two lengths: who believes the other one sees other responses (RFC 9112 section 6.3).
    if ((parser.flags & kBoth) == kBoth) return fail(Errc::kHttpMalformed, "Content-Length beside Transfer-Encoding");
    const uint16_t status = parser.status_code;
    if (status == 101) return fail(Errc::kHttpUnexpected, "101 without a request to switch");
    if (status < 100) return fail(Errc::kHttpMalformed, "a status below 100");
    if (status < 200) {
      if (++interim > limits.max_interim) return fail(Errc::kHttpMalformed, "too many interim responses");
      return 0;
    }
    phase = Phase::kBody;
    count = 0;
    trailer_bytes = 0;
    // Whatever its fields say (RFC 9112 section 6.3).
    const bool bodyless = head_request || status == 204 || status == 304;
    if (!bodyless && (parser.flags & F_CONTENT_LENGTH) != 0 && parser.content_length > limits.max_body) {
      return fail(Errc::kHttpBodyTooLarge, "the response's body is larger than the limit");
    }
    sink->on_head({status, 1, parser.http_minor, fields});
    return bodyless ? 1 : 0;
  }

  int body(std::string_view piece) {
    body_bytes += piece.size();
    if (body_bytes > limits.max_body) {
      return fail(Errc::kHttpBodyTooLarge, "the response's body is larger than the limit");
    }
    sink->on_body({reinterpret_cast<const uint8_t*>(piece.data()), piece.size()});
    return 0;
  }

  int message_complete() {
    if (parser.status_code < 200) {
      phase = Phase::kWaiting;
      return 0;
    }
    complete = true;
    return HPE_PAUSED;  // whatever follows belongs to nothing
  }

  Error deliver_end() {
    // llhttp_should_keep_alive() knows a body that lasted until the end of the stream, which is then over anyway.
    const bool reusable = llhttp_should_keep_alive(&parser) != 0;
    phase = Phase::kIdle;
    complete = false;
    restart();
    sink->on_complete(reusable);
    return {};
  }

  ResponseLimits limits;
  llhttp_settings_t settings;
  llhttp_t parser;
  ResponseSink* sink = nullptr;
  std::string fields;
  Error error;
  uint64_t body_bytes = 0;
  size_t trailer_bytes = 0;
  uint32_t count = 0;
  uint32_t interim = 0;
  Phase phase = Phase::kIdle;
  bool head_request = false;
  bool name_open = false;
  bool in_value = false;
  bool trailers = false;
  bool complete = false;
};

ResponseParser::ResponseParser(ResponseLimits limits) : s_(std::make_unique<State>(limits)) {}
ResponseParser::~ResponseParser() = default;

void ResponseParser::expect(bool head_request) {
  s_->phase = State::Phase::kWaiting;
  s_->head_request = head_request;
  s_->interim = 0;
  s_->body_bytes = 0;
  s_->trailer_bytes = 0;
  s_->name_open = false;
}

bool ResponseParser::expecting() const noexcept { return s_->phase != State::Phase::kIdle; }

bool ResponseParser::begun() const noexcept {
  return s_->phase == State::Phase::kHead || s_->phase == State::Phase::kBody || s_->interim > 0;
}

Error ResponseParser::feed(std::span<const uint8_t> bytes, ResponseSink& sink) {
  if (bytes.empty()) return {};
  if (!expecting()) return {Errc::kHttpUnexpected, 0, "bytes that answer no request"};
  s_->sink = &sink;
  const char* const data = reinterpret_cast<const char*>(bytes.data());
  const llhttp_errno_t result = llhttp_execute(&s_->parser, data, bytes.size());
  if (s_->error) return s_->error;
  if (result == HPE_PAUSED && s_->complete) {
    const bool whole = llhttp_get_error_pos(&s_->parser) == data + bytes.size();
    if (Error error = s_->deliver_end(); error) return error;
    if (!whole) return {Errc::kHttpUnexpected, 0, "bytes behind the response"};
    return {};
  }
  if (result != HPE_OK) {
    const char* reason = llhttp_get_error_reason(&s_->parser);
    s_->error = {Errc::kHttpMalformed, 0, reason != nullptr && *reason != '\0' ? reason : llhttp_errno_name(result)};
    return s_->error;
  }
  return {};
}

Error ResponseParser::finish(ResponseSink& sink) {
  if (!expecting()) return {};
  s_->sink = &sink;
  if (s_->phase == State::Phase::kBody && llhttp_message_needs_eof(&s_->parser) != 0) {
    (void)llhttp_finish(&s_->parser);
    if (s_->complete) return s_->deliver_end();
  }
  s_->phase = State::Phase::kIdle;
  return {Errc::kHttpTruncated, 0, "the connection ended before the response did"};
}

}  // namespace tickwire::http
