// From OpenSSL's reasons and verify codes to our own.
#pragma once
#include "base/error.h"

struct ssl_st;

namespace tickwire {

// A configuration error with the oldest reason of the thread's queue appended; clears the queue.
[[nodiscard]] Error tls_config_error(const char* what);
// Why the peer's certificate was not accepted; `verify_code` is an X509_V_ERR_ value. `of_server`: the peer is one.
[[nodiscard]] Error tls_verify_error(long verify_code, bool of_server = true);
// What SSL_ERROR_SSL stands for, from the thread's queue (oldest entry, it is the cause) and the verify result.
[[nodiscard]] Error tls_failure(const ssl_st* ssl, bool in_handshake);

}  // namespace tickwire
