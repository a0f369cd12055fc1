#include "sign/hmac.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <algorithm>
#include <string>

namespace tickwire::sign {

namespace {

// The largest block of the digests that are taken (SHA-384 and SHA-512).
constexpr size_t kMaxBlock = 128;
using Block = std::array<uint8_t, kMaxBlock>;

// Whatever OpenSSL left in its queue: the host must not find it.
Error failure(const char* what) {
  ERR_clear_error();
  return {Errc::kSign, 0, what};
}

const char* openssl_name(std::string_view digest) noexcept {
  if (digest == "sha256") return "SHA256";
  if (digest == "sha384") return "SHA384";
  if (digest == "sha512") return "SHA512";
  return nullptr;
}

// The state after one block of the key, each byte changed by `pad`.
bool absorb(EVP_MD_CTX* ctx, const EVP_MD* md, const Block& key, size_t block, uint8_t pad) noexcept {
  Block padded;
  for (size_t i = 0; i < block; ++i) padded[i] = key[i] ^ pad;
  const bool ok = EVP_DigestInit_ex(ctx, md, nullptr) == 1 && EVP_DigestUpdate(ctx, padded.data(), block) == 1;
  OPENSSL_cleanse(padded.data(), padded.size());
  return ok;
}

}  // namespace

Result<std::unique_ptr<Hmac>> Hmac::create(std::string_view digest, std::span<const uint8_t> key) {
  const char* name = openssl_name(digest);
  if (name == nullptr) return Error{Errc::kSign, 0, "unknown digest"};
  std::unique_ptr<Hmac> hmac(new Hmac);
  hmac->md_.reset(EVP_MD_fetch(nullptr, name, nullptr));
  hmac->sha256_.reset(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  for (MdCtxPtr* ctx : {&hmac->inner_, &hmac->outer_, &hmac->scratch_, &hmac->plain_}) {
    ctx->reset(EVP_MD_CTX_new());
    if (!*ctx) return failure("no memory for a digest");
  }
  if (!hmac->md_ || !hmac->sha256_) return failure("the digest is not available");
  hmac->size_ = static_cast<size_t>(EVP_MD_get_size(hmac->md_.get()));
  const auto block = static_cast<size_t>(EVP_MD_get_block_size(hmac->md_.get()));
  if (hmac->size_ > kMaxDigest || block > kMaxBlock) return failure("unexpected size of the digest");

  Block prepared{};
  bool ok = true;
  if (key.size() <= block) {
    std::copy(key.begin(), key.end(), prepared.begin());
  } else {
    unsigned size = 0;
    ok = EVP_Digest(key.data(), key.size(), prepared.data(), &size, hmac->md_.get(), nullptr) == 1;
  }
  ok = ok && absorb(hmac->inner_.get(), hmac->md_.get(), prepared, block, 0x36) &&
       absorb(hmac->outer_.get(), hmac->md_.get(), prepared, block, 0x5c);
  OPENSSL_cleanse(prepared.data(), prepared.size());
  if (!ok) return failure("the digest failed");
  return hmac;
}

// Freeing a digest's state wipes it.
Hmac::~Hmac() = default;

bool Hmac::sign(std::span<const uint8_t> data, Digest& out) noexcept { return begin() && add(data) && finish(out); }

bool Hmac::sign_digest_of(std::span<const uint8_t> prefix, std::span<const uint8_t> data, Digest& out) noexcept {
  Digest digest;
  unsigned size = 0;
  if (EVP_DigestInit_ex(plain_.get(), sha256_.get(), nullptr) != 1 ||
      EVP_DigestUpdate(plain_.get(), data.data(), data.size()) != 1 ||
      EVP_DigestFinal_ex(plain_.get(), digest.data(), &size) != 1) {
    ERR_clear_error();
    return false;
  }
  return begin() && add(prefix) && add(std::span(digest).first(size)) && finish(out);
}

bool Hmac::begin() noexcept {
  if (EVP_MD_CTX_copy_ex(scratch_.get(), inner_.get()) == 1) return true;
  ERR_clear_error();
  return false;
}

bool Hmac::add(std::span<const uint8_t> data) noexcept {
  if (EVP_DigestUpdate(scratch_.get(), data.data(), data.size()) == 1) return true;
  ERR_clear_error();
  return false;
}

bool Hmac::finish(Digest& out) noexcept {
  unsigned size = 0;
  if (EVP_DigestFinal_ex(scratch_.get(), out.data(), &size) == 1 &&
      EVP_MD_CTX_copy_ex(scratch_.get(), outer_.get()) == 1 &&
      EVP_DigestUpdate(scratch_.get(), out.data(), size) == 1 &&
      EVP_DigestFinal_ex(scratch_.get(), out.data(), &size) == 1) {
    return true;
  }
  ERR_clear_error();
  return false;
}

}  // namespace tickwire::sign
