// Any bytes as the answer to an opening handshake, whole and in pieces: the same end, and never an open connection
// without the right Sec-WebSocket-Accept. The text "@ACCEPT@" in the input stands for the right value, so that what
// follows it is reached.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/base64.h"
#include "base/sha1.h"
#include "ws/client_handshake.h"

namespace {

using namespace tickwire;
using namespace tickwire::ws;
using Status = ClientHandshake::Outcome::Status;

std::span<const uint8_t> bytes(std::string_view s) { return {reinterpret_cast<const uint8_t*>(s.data()), s.size()}; }

std::string right_accept(const std::string& request) {
  const std::string name = "Sec-WebSocket-Key: ";
  const size_t at = request.find(name) + name.size();
  return base64_encode(sha1(bytes(request.substr(at, 24) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  HandshakeOptions options;
  options.host_header = "h";
  options.max_response = 2048;
  if ((data[0] & 1) != 0) options.subprotocols = {"v2", "v1"};
  options.deflate.enabled = (data[0] & 2) != 0;
  if ((data[0] & 4) != 0) options.deflate.server_max_window_bits = 10;
  auto made = ClientHandshake::create(options);
  if (!made.ok()) std::abort();
  ClientHandshake whole = made.value();
  ClientHandshake cut = made.value();

  std::string answer(data + 2, data + size);
  const std::string accept = right_accept(whole.request());
  const std::string mark = "@ACCEPT@";
  if (const size_t at = answer.find(mark); at != std::string::npos) answer.replace(at, mark.size(), accept);

  const ClientHandshake::Outcome a = whole.feed(bytes(answer));
  ClientHandshake::Outcome b;
  const size_t step = 1 + data[1] % 32;
  for (size_t n = std::min(step, answer.size());; n = std::min(n + step, answer.size())) {
    b = cut.feed(bytes(std::string_view(answer).substr(0, n)));
    if (b.status != Status::kNeedMore || n == answer.size()) break;
  }
  if (a.status != b.status || a.error.code != b.error.code || a.error.detail != b.error.detail ||
      a.error.text != b.error.text || a.consumed != b.consumed) {
    std::abort();
  }
  if ((a.status == Status::kFailed) != (a.error.code != Errc::kNone)) std::abort();
  if (a.status == Status::kDone) {
    if (a.consumed > answer.size() || a.consumed > options.max_response) std::abort();
    if (answer.substr(0, a.consumed).find(accept) == std::string::npos) std::abort();
    const HandshakeResult& r = whole.result();
    if (!r.subprotocol.empty() && r.subprotocol != "v1" && r.subprotocol != "v2") std::abort();
    if (r.deflate && !options.deflate.enabled) std::abort();
    if (r.deflate && r.deflate_params.server_max_window_bits > 15) std::abort();
  }
  if (a.status == Status::kNeedMore && answer.size() > options.max_response) std::abort();
  return 0;
}
