// Owners for OpenSSL objects, and the scope that keeps its per-thread error queue to ourselves.
#pragma once
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>

namespace tickwire {

template <auto Free>
struct OpensslDelete {
  template <class T>
  void operator()(T* p) const noexcept {
    Free(p);
  }
};

using SslCtxPtr = std::unique_ptr<SSL_CTX, OpensslDelete<&SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, OpensslDelete<&SSL_free>>;
using SslSessionPtr = std::unique_ptr<SSL_SESSION, OpensslDelete<&SSL_SESSION_free>>;
using X509Ptr = std::unique_ptr<X509, OpensslDelete<&X509_free>>;
using X509StorePtr = std::unique_ptr<X509_STORE, OpensslDelete<&X509_STORE_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, OpensslDelete<&EVP_PKEY_free>>;
using BioPtr = std::unique_ptr<BIO, OpensslDelete<&BIO_free_all>>;
using BioMethodPtr = std::unique_ptr<BIO_METHOD, OpensslDelete<&BIO_meth_free>>;

// SSL_get_error reads the thread's queue, so a leftover of somebody else would pass for our failure; and the host must
// not find ours afterwards. Looking first is cheaper than clearing sixteen empty slots per read.
class OpensslErrorScope {
 public:
  OpensslErrorScope() noexcept { clear(); }
  ~OpensslErrorScope() { clear(); }
  OpensslErrorScope(const OpensslErrorScope&) = delete;
  OpensslErrorScope& operator=(const OpensslErrorScope&) = delete;

 private:
  static void clear() noexcept {
    if (ERR_peek_error() != 0) ERR_clear_error();
  }
};

}  // namespace tickwire
