// Every failure the core can report, as one enum with the stable names that TypeScript users see.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace tickwire {

// X(enumerator, "STABLE_CODE"). The numeric value travels through the event ring and is an index into the table
// that `errorCodes()` exports to TypeScript; append only.
#define TICKWIRE_ERRORS(X)                                                                              \
  X(kNone, "NONE")                                                                                      \
  /* system calls; Error::detail is errno */                                                            \
  X(kSystem, "ERR_SYSTEM")                                                                              \
  X(kConnRefused, "ECONNREFUSED")                                                                       \
  X(kConnReset, "ECONNRESET")                                                                           \
  X(kBrokenPipe, "EPIPE")                                                                               \
  X(kTimedOut, "ETIMEDOUT")                                                                             \
  X(kHostUnreachable, "EHOSTUNREACH")                                                                   \
  X(kNetUnreachable, "ENETUNREACH")                                                                     \
  X(kAddrNotAvailable, "EADDRNOTAVAIL")                                                                 \
  X(kTooManyFiles, "EMFILE")                                                                            \
  X(kNoMemory, "ENOMEM")                                                                                \
  X(kEof, "ERR_EOF")                                                                                    \
  /* phases */                                                                                          \
  X(kDns, "ERR_DNS")                                                                                    \
  X(kConnectTimeout, "ERR_CONNECT_TIMEOUT")                                                             \
  X(kHandshakeTimeout, "ERR_HANDSHAKE_TIMEOUT")                                                         \
  X(kProxyStatus, "ERR_PROXY_STATUS")                                                                   \
  X(kProxyMalformed, "ERR_PROXY_MALFORMED")                                                             \
  X(kIdle, "ERR_IDLE")                                                                                  \
  X(kPongTimeout, "ERR_PONG_TIMEOUT")                                                                   \
  X(kAborted, "ERR_ABORTED")                                                                            \
  X(kRetriesExhausted, "ERR_RETRIES_EXHAUSTED")                                                         \
  /* TLS; Error::detail is the OpenSSL reason or X509 verify code */                                    \
  X(kTlsConfig, "ERR_TLS_CONFIG")                                                                       \
  X(kTlsHandshake, "ERR_TLS_HANDSHAKE")                                                                 \
  X(kTlsProtocol, "ERR_TLS_PROTOCOL")                                                                   \
  X(kTlsCertExpired, "ERR_TLS_CERT_EXPIRED")                                                            \
  X(kTlsCertNotYetValid, "ERR_TLS_CERT_NOT_YET_VALID")                                                  \
  X(kTlsSelfSigned, "ERR_TLS_SELF_SIGNED")                                                              \
  X(kTlsUnknownIssuer, "ERR_TLS_UNKNOWN_ISSUER")                                                        \
  X(kTlsHostname, "ERR_TLS_HOSTNAME")                                                                   \
  X(kTlsVerify, "ERR_TLS_VERIFY")                                                                       \
  X(kTlsPin, "ERR_TLS_PIN")                                                                             \
  X(kTlsVersion, "ERR_TLS_VERSION")                                                                     \
  X(kTlsTruncated, "ERR_TLS_TRUNCATED")                                                                 \
  /* WebSocket handshake (RFC 6455 section 4); detail is the HTTP status where there is one */          \
  X(kHandshakeStatus, "ERR_HANDSHAKE_STATUS")                                                           \
  X(kHandshakeMalformed, "ERR_HANDSHAKE_MALFORMED")                                                     \
  X(kHandshakeTooLarge, "ERR_HANDSHAKE_TOO_LARGE")                                                      \
  X(kHandshakeUpgrade, "ERR_HANDSHAKE_UPGRADE")                                                         \
  X(kHandshakeConnection, "ERR_HANDSHAKE_CONNECTION")                                                   \
  X(kHandshakeAccept, "ERR_HANDSHAKE_ACCEPT")                                                           \
  X(kHandshakeSubprotocol, "ERR_HANDSHAKE_SUBPROTOCOL")                                                 \
  X(kHandshakeExtension, "ERR_HANDSHAKE_EXTENSION")                                                     \
  /* WebSocket framing; detail is the close code that is sent */                                        \
  X(kWsReservedBits, "ERR_WS_RESERVED_BITS")                                                            \
  X(kWsOpcode, "ERR_WS_OPCODE")                                                                         \
  X(kWsControlFragmented, "ERR_WS_CONTROL_FRAGMENTED")                                                  \
  X(kWsControlTooLong, "ERR_WS_CONTROL_TOO_LONG")                                                       \
  X(kWsUnexpectedContinuation, "ERR_WS_UNEXPECTED_CONTINUATION")                                        \
  X(kWsExpectedContinuation, "ERR_WS_EXPECTED_CONTINUATION")                                            \
  X(kWsMasked, "ERR_WS_MASKED")                                                                         \
  X(kWsNotMasked, "ERR_WS_NOT_MASKED")                                                                  \
  X(kWsLengthEncoding, "ERR_WS_LENGTH_ENCODING")                                                        \
  X(kWsMessageTooLarge, "ERR_WS_MESSAGE_TOO_LARGE")                                                     \
  X(kWsTooManyFragments, "ERR_WS_TOO_MANY_FRAGMENTS")                                                   \
  X(kWsInvalidUtf8, "ERR_WS_INVALID_UTF8")                                                              \
  X(kWsCloseCode, "ERR_WS_CLOSE_CODE")                                                                  \
  X(kWsClosePayload, "ERR_WS_CLOSE_PAYLOAD")                                                            \
  X(kWsInflate, "ERR_WS_INFLATE")                                                                       \
  X(kWsCompressedControl, "ERR_WS_COMPRESSED_CONTROL")                                                  \
  X(kWsControlFlood, "ERR_WS_CONTROL_FLOOD")                                                            \
  X(kWsClosed, "ERR_WS_CLOSED") /* the peer closed; detail is its close code, 1005 when it gave none */ \
  X(kWsClosedByUser, "ERR_WS_CLOSED_BY_USER")                                                           \
  X(kSendQueueFull, "ERR_SEND_QUEUE_FULL")                                                              \
  X(kNotOpen, "ERR_NOT_OPEN")                                                                           \
  X(kSchema, "ERR_SCHEMA")                                                                              \
  X(kInvalidUrl, "ERR_INVALID_URL")                                                                     \
  /* hub */                                                                                             \
  X(kHubOptions, "ERR_HUB_OPTIONS")                                                                     \
  X(kHubName, "ERR_HUB_NAME") /* of a topic or key: empty, too long, not UTF-8 */                       \
  X(kHubTopicLimit, "ERR_HUB_TOPIC_LIMIT")                                                              \
  X(kHubKeyLimit, "ERR_HUB_KEY_LIMIT")                                                                  \
  X(kHubRequest, "ERR_HUB_REQUEST") /* a client's request that makes no sense */                        \
  X(kHubForbidden, "ERR_HUB_FORBIDDEN")                                                                 \
  X(kHubSubscriptionLimit, "ERR_HUB_SUBSCRIPTION_LIMIT")                                                \
  X(kHubRate, "ERR_HUB_RATE")                                                                           \
  X(kHubTooSlow, "ERR_HUB_TOO_SLOW")                                                                    \
  X(kHubClosing, "ERR_HUB_CLOSING")                                                                     \
  /* HTTP requests; detail is the HTTP/2 error code where there is one */                               \
  X(kHttpRequest, "ERR_HTTP_REQUEST")                                                                   \
  X(kHttpMalformed, "ERR_HTTP_MALFORMED")                                                               \
  X(kHttpHeadTooLarge, "ERR_HTTP_HEAD_TOO_LARGE")                                                       \
  X(kHttpBodyTooLarge, "ERR_HTTP_BODY_TOO_LARGE")                                                       \
  X(kHttpTruncated, "ERR_HTTP_TRUNCATED")                                                               \
  X(kHttpUnexpected, "ERR_HTTP_UNEXPECTED")                                                             \
  X(kHttpQueueFull, "ERR_HTTP_QUEUE_FULL")                                                              \
  X(kHttpQueueTimeout, "ERR_HTTP_QUEUE_TIMEOUT")                                                        \
  X(kHttpHeadTimeout, "ERR_HTTP_HEAD_TIMEOUT")                                                          \
  X(kHttpBodyTimeout, "ERR_HTTP_BODY_TIMEOUT")                                                          \
  X(kHttpTimeout, "ERR_HTTP_TIMEOUT")                                                                   \
  X(kHttp2Protocol, "ERR_HTTP2_PROTOCOL")                                                               \
  X(kHttp2StreamReset, "ERR_HTTP2_STREAM_RESET")                                                        \
  X(kHttp2Refused, "ERR_HTTP2_REFUSED")                                                                 \
  /* shared memory; detail is errno where a system call failed, else 0 */                               \
  X(kShmName, "ERR_SHM_NAME")                                                                           \
  X(kShmSize, "ERR_SHM_SIZE")                                                                           \
  X(kShmNotFound, "ERR_SHM_NOT_FOUND")                                                                  \
  X(kShmOwner, "ERR_SHM_OWNER")                                                                         \
  X(kShmPermission, "ERR_SHM_PERMISSION")                                                               \
  X(kShmNoSpace, "ERR_SHM_NO_SPACE")                                                                    \
  X(kShmLayout, "ERR_SHM_LAYOUT")                                                                       \
  X(kShmVersion, "ERR_SHM_VERSION") /* detail is the segment's version */                               \
  X(kShmCorrupt, "ERR_SHM_CORRUPT")                                                                     \
  X(kShmWriterActive, "ERR_SHM_WRITER_ACTIVE")                                                          \
  X(kShmExternalBuffer, "ERR_SHM_EXTERNAL_BUFFER") /* this host forbids buffers over foreign memory */  \
  /* listening; Error::detail is errno */                                                               \
  X(kAddrInUse, "EADDRINUSE")                                                                           \
  X(kAccess, "EACCES")                                                                                  \
  /* signatures */                                                                                      \
  X(kSign, "ERR_SIGN")                                                                                  \
  /* wire format, as a subscriber; detail is the sender's code from kWireVersion on */                  \
  X(kWireHandshake, "ERR_WIRE_HANDSHAKE")                                                               \
  X(kWireSilent, "ERR_WIRE_SILENT")                                                                     \
  X(kWireFlood, "ERR_WIRE_FLOOD")                                                                       \
  X(kWireDefinitions, "ERR_WIRE_DEFINITIONS")                                                           \
  X(kWireClosed, "ERR_WIRE_CLOSED")                                                                     \
  X(kWireVersion, "ERR_WIRE_VERSION")                                                                   \
  X(kWireUnauthorized, "ERR_WIRE_UNAUTHORIZED")                                                         \
  X(kWireForbidden, "ERR_WIRE_FORBIDDEN")                                                               \
  X(kWireUnknownTopic, "ERR_WIRE_UNKNOWN_TOPIC")                                                        \
  X(kWireTooMany, "ERR_WIRE_TOO_MANY")                                                                  \
  X(kWireRateLimit, "ERR_WIRE_RATE_LIMIT")                                                              \
  X(kWireTooLarge, "ERR_WIRE_TOO_LARGE")                                                                \
  X(kWireMalformed, "ERR_WIRE_MALFORMED")                                                               \
  X(kWireUnexpected, "ERR_WIRE_UNEXPECTED")                                                             \
  X(kWireOverloaded, "ERR_WIRE_OVERLOADED")                                                             \
  X(kWireInternal, "ERR_WIRE_INTERNAL")                                                                 \
  X(kWireTooSlow, "ERR_WIRE_TOO_SLOW")                                                                  \
  X(kWireShuttingDown, "ERR_WIRE_SHUTTING_DOWN")                                                        \
  X(kWireTimedOut, "ERR_WIRE_TIMED_OUT")                                                                \
  X(kClosedByUser, "ERR_CLOSED_BY_USER")                                                                \
  X(kShmWriterGone, "ERR_SHM_WRITER_GONE")

enum class Errc : uint16_t {
#define X(name, text) name,
  TICKWIRE_ERRORS(X)
#undef X
      kCount
};

[[nodiscard]] const char* errc_name(Errc code) noexcept;

struct Error {
  Errc code = Errc::kNone;
  int32_t detail = 0;  // errno, HTTP status, close code, verify code: see the table above
  std::string text;    // for people; never holds a secret
  [[nodiscard]] explicit operator bool() const noexcept { return code != Errc::kNone; }
};

// Maps an errno value to its own code where users look for it by name, else kSystem.
[[nodiscard]] Error error_from_errno(int err, const char* what);

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : v_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : v_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)
  [[nodiscard]] bool ok() const noexcept { return v_.index() == 0; }
  [[nodiscard]] T& value() noexcept { return *std::get_if<0>(&v_); }
  [[nodiscard]] const T& value() const noexcept { return *std::get_if<0>(&v_); }
  [[nodiscard]] const Error& error() const noexcept { return *std::get_if<1>(&v_); }

 private:
  std::variant<T, Error> v_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : e_(std::move(error)) {}  // NOLINT(google-explicit-constructor)
  [[nodiscard]] bool ok() const noexcept { return e_.code == Errc::kNone; }
  [[nodiscard]] const Error& error() const noexcept { return e_; }

 private:
  Error e_;
};

}  // namespace tickwire
