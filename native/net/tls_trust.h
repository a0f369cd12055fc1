// Trust anchors: PEM text into certificate stores.
#pragma once
#include <string>

#include "base/error.h"
#include "net/openssl_handles.h"

namespace tickwire {

// Every certificate of the text; anything that is not a certificate between them is skipped. kTlsConfig when one does
// not parse or there is none.
[[nodiscard]] Result<X509StorePtr> trust_store_from_pem(const std::string& pem);

// The process-wide anchors: set_default_trust keeps the text, the first default_trust_store() parses it. Any thread.
void set_default_trust(std::string pem);
[[nodiscard]] Result<X509StorePtr> default_trust_store();  // one more reference to the shared store

}  // namespace tickwire
