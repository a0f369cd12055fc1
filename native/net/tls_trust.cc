#include "net/tls_trust.h"

#include <openssl/pem.h>

#include <climits>
#include <mutex>

#include "net/tls_error.h"

namespace tickwire {

namespace {

struct DefaultTrust {
  std::mutex mutex;
  std::string pem;
  X509StorePtr store;
};

DefaultTrust& default_trust() {
  static DefaultTrust trust;
  return trust;
}

}  // namespace

Result<X509StorePtr> trust_store_from_pem(const std::string& pem) {
  const OpensslErrorScope errors;
  if (pem.size() > INT_MAX) return Error{Errc::kTlsConfig, 0, "trust anchors: text too long"};
  X509StorePtr store(X509_STORE_new());
  const BioPtr text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!store || !text) return tls_config_error("trust anchors");
  size_t count = 0;
  for (;;) {
    const X509Ptr certificate(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
    if (!certificate) break;
    if (X509_STORE_add_cert(store.get(), certificate.get()) != 1) return tls_config_error("trust anchors");
    ++count;
  }
  const unsigned long why = ERR_peek_last_error();
  if (ERR_GET_LIB(why) != ERR_LIB_PEM || ERR_GET_REASON(why) != PEM_R_NO_START_LINE) {
    const std::string which = "trust anchor " + std::to_string(count + 1);
    return tls_config_error(which.c_str());
  }
  if (count == 0) return Error{Errc::kTlsConfig, 0, "trust anchors: the text holds no PEM certificate"};
  return store;
}

void set_default_trust(std::string pem) {
  DefaultTrust& trust = default_trust();
  const std::lock_guard lock(trust.mutex);
  trust.pem = std::move(pem);
  trust.store.reset();  // contexts that were built with the old one keep their reference
}

Result<X509StorePtr> default_trust_store() {
  DefaultTrust& trust = default_trust();
  const std::lock_guard lock(trust.mutex);
  if (!trust.store) {
    if (trust.pem.empty()) return Error{Errc::kTlsConfig, 0, "no trust anchors were given"};
    auto parsed = trust_store_from_pem(trust.pem);
    if (!parsed.ok()) return parsed.error();
    trust.store = std::move(parsed.value());
  }
  if (X509_STORE_up_ref(trust.store.get()) != 1) return tls_config_error("trust anchors");
  return X509StorePtr(trust.store.get());
}

}  // namespace tickwire
