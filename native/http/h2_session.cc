#include "http/h2_session.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

namespace tickwire::http {
namespace {

constexpr size_t kSpare = 256;  // streams kept for reuse

uint8_t* bytes(std::string_view text) noexcept {
  return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));  // nghttp2 copies and does not write
}

// Values that must not enter a compression table: their size would tell about them (RFC 7541 section 7.1).
bool is_secret(std::string_view name) noexcept {
  return name == "authorization" || name == "cookie" || name.ends_with("-key") || name.ends_with("-sign") ||
         name.ends_with("-passphrase") || name.ends_with("-signature");
}

nghttp2_nv line(std::string_view name, std::string_view value) noexcept {
  const auto flags = static_cast<uint8_t>(is_secret(name) ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE);
  return {bytes(name), bytes(value), name.size(), value.size(), flags};
}

Error protocol_error(int code) {
  return {code == NGHTTP2_ERR_NOMEM ? Errc::kNoMemory : Errc::kHttp2Protocol, code, nghttp2_strerror(code)};
}

}  // namespace

Result<std::unique_ptr<H2Session>> H2Session::create(const ResponseLimits& limits, bool secure) {
  std::unique_ptr<H2Session> session(new H2Session(limits, secure));
  if (Error error = session->start(); error) return error;
  return session;
}

Error H2Session::start() {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) return {Errc::kNoMemory, 0, "HTTP/2 session"};
  const std::unique_ptr<nghttp2_session_callbacks, void (*)(nghttp2_session_callbacks*)> free_callbacks(
      callbacks, nghttp2_session_callbacks_del);
  nghttp2_session_callbacks_set_on_begin_headers_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
        return static_cast<H2Session*>(self)->on_begin_headers(*frame);
      });
  nghttp2_session_callbacks_set_on_header_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame*, const uint8_t* name, size_t name_size, const uint8_t* value,
                    size_t value_size, uint8_t, void* self) {
        return static_cast<H2Session*>(self)->on_header({reinterpret_cast<const char*>(name), name_size},
                                                        {reinterpret_cast<const char*>(value), value_size});
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks,
                                                       [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
                                                         return static_cast<H2Session*>(self)->on_frame(*frame);
                                                       });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks, [](nghttp2_session*, uint8_t, int32_t stream_id, const uint8_t* data, size_t size, void* self) {
        return static_cast<H2Session*>(self)->on_data(stream_id, {data, size});
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks, [](nghttp2_session*, int32_t stream_id, uint32_t code, void* self) {
        return static_cast<H2Session*>(self)->on_stream_close(stream_id, code);
      });

  nghttp2_option* option = nullptr;
  if (nghttp2_option_new(&option) != 0) return {Errc::kNoMemory, 0, "HTTP/2 session"};
  const std::unique_ptr<nghttp2_option, void (*)(nghttp2_option*)> free_option(option, nghttp2_option_del);
  // The windows open as the reader takes what came, not as it arrives.
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_session* session = nullptr;
  nghttp2_mem memory{
      &memory_, [](size_t size, void* pool) { return static_cast<BlockPool*>(pool)->allocate(size); },
      [](void* block, void* pool) { static_cast<BlockPool*>(pool)->free(block); },
      [](size_t count, size_t each, void* pool) { return static_cast<BlockPool*>(pool)->allocate_zeroed(count, each); },
      [](void* block, size_t size, void* pool) { return static_cast<BlockPool*>(pool)->resize(block, size); }};
  if (const int code = nghttp2_session_client_new3(&session, callbacks, this, option, &memory); code != 0) {
    return protocol_error(code);
  }
  session_.reset(session);

  const std::array<nghttp2_settings_entry, 3> settings = {
      nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
                             static_cast<uint32_t>(std::min<size_t>(limits_.max_head, UINT32_MAX))}};
  if (const int code = nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size()); code != 0)
    return protocol_error(code);
  if (const int code = nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
      code != 0)
    return protocol_error(code);
  return {};
}

H2Stream* H2Session::take_stream() {
  if (spare_.empty()) {
    active_.push_back(std::make_unique<H2Stream>());
  } else {
    active_.push_back(std::move(spare_.back()));
    spare_.pop_back();
  }
  active_.back()->place = active_.size() - 1;
  return active_.back().get();
}

void H2Session::recycle(H2Stream* stream) {
  const size_t place = stream->place;
  if (place >= active_.size() || active_[place].get() != stream) return;
  std::unique_ptr<H2Stream> done = std::move(active_[place]);
  if (place + 1 < active_.size()) {
    active_[place] = std::move(active_.back());
    active_[place]->place = place;
  }
  active_.pop_back();
  if (header_stream_ == stream) header_stream_ = nullptr;  // a header block in pieces, of which nobody wants the rest
  if (spare_.size() >= kSpare) return;
  // Memory of the texts is kept, unless a request or response was far larger than usual.
  std::string body = std::move(done->body);
  std::string fields = std::move(done->fields);
  *done = {};
  body.clear();
  fields.clear();
  constexpr size_t kKeep = 64u << 10;
  if (body.capacity() <= kKeep) done->body = std::move(body);
  if (fields.capacity() <= kKeep) done->fields = std::move(fields);
  spare_.push_back(std::move(done));
}

Result<void> H2Session::submit(RequestId id, const Request& request) {
  H2Stream* const stream = take_stream();
  stream->id = id;
  stream->body.assign(reinterpret_cast<const char*>(request.body.data()), request.body.size());
  std::array<char, 20> digits{};
  lines_.clear();
  lines_.push_back(line(":method", request.method));
  lines_.push_back(line(":scheme", secure_ ? "https" : "http"));
  lines_.push_back(line(":authority", request.authority));
  lines_.push_back(line(":path", request.target));
  for_each_field(request.fields, [this](std::string_view name, std::string_view value) {
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
    lines_.push_back(line(name, value));
  });
  if (request.has_body) {
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), request.body.size()).ptr;
    lines_.push_back(line("content-length", {digits.data(), static_cast<size_t>(end - digits.data())}));
  }
  nghttp2_data_provider2 provider{};
  provider.source.ptr = stream;
  provider.read_callback = read_body;
  const int32_t stream_id = nghttp2_submit_request2(session_.get(), nullptr, lines_.data(), lines_.size(),
                                                    request.body.empty() ? nullptr : &provider, stream);
  if (stream_id < 0) {
    recycle(stream);
    return protocol_error(stream_id);
  }
  stream->stream_id = stream_id;
  return {};
}

ssize_t H2Session::read_body(nghttp2_session*, int32_t, uint8_t* into, size_t most, uint32_t* flags,
                             nghttp2_data_source* source, void*) {
  auto& stream = *static_cast<H2Stream*>(source->ptr);
  const size_t n = std::min(most, stream.body.size() - stream.body_sent);
  std::memcpy(into, stream.body.data() + stream.body_sent, n);
  stream.body_sent += n;
  if (stream.body_sent == stream.body.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(n);
}

Error H2Session::feed(std::span<const uint8_t> in) {
  const nghttp2_ssize taken = nghttp2_session_mem_recv2(session_.get(), in.data(), in.size());
  return taken < 0 ? protocol_error(static_cast<int>(taken)) : Error{};
}

Error H2Session::collect(std::string& out, size_t most) {
  while (out.size() < most) {
    const uint8_t* data = nullptr;
    const nghttp2_ssize n = nghttp2_session_mem_send2(session_.get(), &data);
    if (n < 0) return protocol_error(static_cast<int>(n));
    if (n == 0) break;
    out.append(reinterpret_cast<const char*>(data), static_cast<size_t>(n));
  }
  return {};
}

void H2Session::reset(H2Stream& stream, uint32_t code) {
  (void)nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream.stream_id, code);
}

// Only out of memory can go wrong with these two; the next feed() or collect() says so.
void H2Session::consumed(H2Stream& stream, size_t n) {
  (void)nghttp2_session_consume(session_.get(), stream.stream_id, n);
}

void H2Session::go_away() {
  leaving_ = true;
  (void)nghttp2_session_terminate_session(session_.get(), NGHTTP2_NO_ERROR);
}

H2Stream* H2Session::find(RequestId id) noexcept {
  const auto at = std::find_if(active_.begin(), active_.end(), [&](const auto& s) { return s->id == id && s->wanted; });
  return at == active_.end() ? nullptr : at->get();
}

bool H2Session::over() const noexcept {
  return nghttp2_session_want_read(session_.get()) == 0 && nghttp2_session_want_write(session_.get()) == 0;
}

uint32_t H2Session::peer_streams() const noexcept {
  return nghttp2_session_get_remote_settings(session_.get(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

// ---- what the peer says

H2Stream* H2Session::stream_of(int32_t stream_id) const noexcept {
  return static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session_.get(), stream_id));
}

// Ends one stream; the connection goes on.
int H2Session::refuse(H2Stream& stream, Errc code, const char* text) {
  if (!stream.error) stream.error = {code, 0, text};
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int H2Session::on_begin_headers(const nghttp2_frame& frame) {
  header_stream_ = stream_of(frame.hd.stream_id);
  if (frame.hd.type != NGHTTP2_HEADERS) return 0;
  H2Stream* const stream = header_stream_;
  if (stream == nullptr || stream->has_head) return 0;
  stream->fields.clear();
  stream->field_count = 0;
  return 0;
}

int H2Session::on_header(std::string_view name, std::string_view value) {
  H2Stream* const stream = header_stream_;
  if (stream == nullptr || !stream->wanted) return 0;
  if (name == ":status") {
    uint16_t status = 0;
    std::from_chars(value.data(), value.data() + value.size(), status);
    if (!stream->has_head) stream->status = status;
    return 0;
  }
  if (++stream->field_count > limits_.max_fields) {
    return refuse(*stream, Errc::kHttpHeadTooLarge, "too many header fields");
  }
  if (stream->fields.size() + name.size() + value.size() + 2 > limits_.max_head) {
    return refuse(*stream, Errc::kHttpHeadTooLarge, "the response's header fields are larger than the limit");
  }
  if (stream->has_head) return 0;  // trailers
  stream->fields.append(name).push_back(':');
  stream->fields.append(value).push_back('\n');
  return 0;
}

int H2Session::on_frame(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_GOAWAY) leaving_ = true;
  if (frame.hd.type != NGHTTP2_HEADERS) return 0;
  H2Stream* const stream = stream_of(frame.hd.stream_id);
  if (stream == nullptr || stream->has_head) return 0;
  if (stream->status < 100) {
    // nghttp2 takes it for a final one, behind which a body may come.
    if (!stream->error) stream->error = {Errc::kHttpMalformed, 0, "a status below 100"};
    stream->wanted = false;
    reset(*stream, NGHTTP2_PROTOCOL_ERROR);
    return 0;
  }
  if (stream->status < 200) {
    if (++stream->interim > limits_.max_interim) {
      stream->error = {Errc::kHttpMalformed, 0, "too many interim responses"};
      reset(*stream, NGHTTP2_ENHANCE_YOUR_CALM);
    }
    return 0;
  }
  stream->has_head = true;
  stream->field_count = 0;
  events_.push_back({H2Event::Kind::kHead, stream, {}, 0});
  return 0;
}

int H2Session::on_data(int32_t stream_id, std::span<const uint8_t> piece) {
  H2Stream* const stream = stream_of(stream_id);
  if (stream == nullptr || !stream->wanted) {
    // Nobody reads it, but the connection's window must not shrink for that.
    (void)nghttp2_session_consume_connection(session_.get(), piece.size());
    return 0;
  }
  stream->body_bytes += piece.size();
  if (stream->body_bytes > limits_.max_body) {
    stream->error = {Errc::kHttpBodyTooLarge, 0, "the response's body is larger than the limit"};
    stream->wanted = false;
    reset(*stream, NGHTTP2_CANCEL);
    (void)nghttp2_session_consume_connection(session_.get(), piece.size());
    return 0;
  }
  events_.push_back({H2Event::Kind::kBody, stream, piece, 0});
  return 0;
}

int H2Session::on_stream_close(int32_t stream_id, uint32_t code) {
  if (H2Stream* const stream = stream_of(stream_id)) events_.push_back({H2Event::Kind::kClosed, stream, {}, code});
  return 0;
}

}  // namespace tickwire::http
