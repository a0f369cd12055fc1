#include "addon/connect_options.h"

#include "addon/js_values.h"
#include "net/tls_context.h"

namespace tickwire::addon {

namespace {

Result<std::shared_ptr<TlsContext>> read_tls(const Napi::Object& js) {
  TlsOptions o;
  o.only_tls13 = flag(js, "onlyTls13");
  o.ca_pem = text(js, "ca");
  o.cert_pem = text(js, "cert");
  o.key_pem = text(js, "key");
  o.key_passphrase = text(js, "passphrase");
  o.pins = texts(js, "pins");
  o.server_name = text(js, "serverName");
  o.alpn = texts(js, "alpn");
  o.verify = flag(js, "verify");
  o.resume_sessions = flag(js, "resumeSessions");
  return TlsContext::create(o);
}

void read_socket(const Napi::Object& js, SocketOptions& o) {
  o.no_delay = flag(js, "noDelay");
  o.recv_buffer = integer(js, "recvBuffer");
  o.send_buffer = integer(js, "sendBuffer");
  o.busy_poll_us = integer(js, "busyPollUs");
  o.kernel_timestamps = flag(js, "kernelTimestamps");
  o.keep_alive = flag(js, "keepAlive");
  o.local_address = text(js, "localAddress");
}

}  // namespace

Result<ConnectTarget> read_connect_target(const Napi::Object& js) {
  ConnectTarget target;
  target.host = text(js, "host");
  target.port = static_cast<uint16_t>(size(js, "port"));
  target.timeout_ns = ns(js, "connectTimeout");
  if (js.Get("tls").IsObject()) {
    auto tls = read_tls(object(js, "tls"));
    if (!tls.ok()) return tls.error();
    target.tls = std::move(tls.value());
  }
  if (js.Get("proxy").IsObject()) {
    const auto proxy = object(js, "proxy");
    target.proxy = {text(proxy, "host"), static_cast<uint16_t>(size(proxy, "port")), text(proxy, "authorization")};
  }
  read_socket(object(js, "socket"), target.socket);
  return target;
}

}  // namespace tickwire::addon
