// HMAC (RFC 2104) with the key prepared once.
#pragma once
#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/error.h"

namespace tickwire::sign {

struct DigestDelete {
  void operator()(EVP_MD* p) const noexcept { EVP_MD_free(p); }
  void operator()(EVP_MD_CTX* p) const noexcept { EVP_MD_CTX_free(p); }
};
using MdPtr = std::unique_ptr<EVP_MD, DigestDelete>;
using MdCtxPtr = std::unique_ptr<EVP_MD_CTX, DigestDelete>;

// The longest digest that any of the functions below has.
inline constexpr size_t kMaxDigest = 64;
using Digest = std::array<uint8_t, kMaxDigest>;

// The states of both hashes after they have taken the key: a signature copies them, so that neither the key's blocks
// are hashed again nor any algorithm looked up. (EVP_MAC_CTX_dup, which does the same in the library's own terms, costs
// three times as much as the signature: it allocates and fetches anew.) For one thread at a time.
class Hmac {
 public:
  // `digest`: "sha256", "sha384" or "sha512". The key is copied into the hash states and not kept otherwise.
  [[nodiscard]] static Result<std::unique_ptr<Hmac>> create(std::string_view digest, std::span<const uint8_t> key);
  ~Hmac();
  Hmac(const Hmac&) = delete;
  Hmac& operator=(const Hmac&) = delete;

  // Bytes of a signature.
  [[nodiscard]] size_t size() const noexcept { return size_; }

  // The signature is out[0 … size()). False when OpenSSL fails, which without memory it may.
  [[nodiscard]] bool sign(std::span<const uint8_t> data, Digest& out) noexcept;

  // Signs prefix + SHA-256(data), as key-path schemes do.
  [[nodiscard]] bool sign_digest_of(std::span<const uint8_t> prefix, std::span<const uint8_t> data,
                                    Digest& out) noexcept;

 private:
  Hmac() = default;
  [[nodiscard]] bool begin() noexcept;
  [[nodiscard]] bool add(std::span<const uint8_t> data) noexcept;
  [[nodiscard]] bool finish(Digest& out) noexcept;

  MdPtr md_;
  MdPtr sha256_;
  MdCtxPtr inner_;
  MdCtxPtr outer_;
  MdCtxPtr scratch_;
  MdCtxPtr plain_;
  size_t size_ = 0;
};

}  // namespace tickwire::sign
