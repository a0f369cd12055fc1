#include "net/tls_ticket_keys.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>

#include "base/clock.h"
#include "base/entropy.h"

namespace tickwire {

bool TlsTicketKeys::draw(Key& key, int64_t now_ns) noexcept {
  for (const std::span<uint8_t> part :
       {std::span<uint8_t>(key.name), std::span<uint8_t>(key.cipher), std::span<uint8_t>(key.mac)}) {
    if (!fill_random(part).ok()) return false;
  }
  key.made_at = now_ns;
  key.valid = true;
  return true;
}

Result<void> TlsTicketKeys::init(int64_t interval_ns) {
  interval_ns_ = std::max<int64_t>(interval_ns, 1);
  if (!draw(newest_, mono_ns())) return Error{Errc::kSystem, 0, "no entropy for ticket keys"};
  return {};
}

bool TlsTicketKeys::replace_when_due(int64_t now_ns) noexcept {
  if (now_ns - newest_.made_at < interval_ns_) return true;
  Key fresh;
  if (!draw(fresh, now_ns)) return false;
  // After a pause of two intervals the former newest key is as old as an older one may not become.
  older_ = now_ns - newest_.made_at < 2 * interval_ns_ ? newest_ : Key{};
  newest_ = fresh;
  return true;
}

int TlsTicketKeys::serve(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, bool sealing,
                         int64_t now_ns) noexcept {
  const std::lock_guard lock(mutex_);
  if (!replace_when_due(now_ns)) return -1;
  const EVP_CIPHER* const algorithm = EVP_aes_256_cbc();
  Key* key = &newest_;
  if (sealing) {
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(algorithm)) != 1) return -1;
    std::memcpy(name, key->name.data(), kNameBytes);
  } else if (std::memcmp(name, key->name.data(), kNameBytes) != 0) {
    key = &older_;
    if (!key->valid || std::memcmp(name, key->name.data(), kNameBytes) != 0) return 0;
  }
  char digest[] = "sha256";
  OSSL_PARAM parameters[] = {OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac.data(), key->mac.size()),
                             OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                             OSSL_PARAM_construct_end()};
  if (EVP_MAC_CTX_set_params(mac, parameters) != 1) return -1;
  if (EVP_CipherInit_ex(cipher, algorithm, nullptr, key->cipher.data(), iv, sealing ? 1 : 0) != 1) return -1;
  return key == &older_ ? 2 : 1;
}

}  // namespace tickwire
