#include "sign/hmac.h"

#include <openssl/err.h>
#include <openssl/hmac.h>

#include <string>
#include <vector>

#include <doctest/doctest.h>
#include "sign/encoding.h"

namespace tickwire::sign {

namespace {

std::span<const uint8_t> bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string text_of(std::span<const uint8_t> data, Encoding encoding) {
  std::string out(max_encoded(data.size()), '\0');
  out.resize(encode(data, encoding, out.data()));
  return out;
}

std::string signature(std::string_view digest, std::string_view key, std::string_view data) {
  auto hmac = Hmac::create(digest, bytes(key));
  REQUIRE(hmac.ok());
  Digest out;
  REQUIRE(hmac.value()->sign(bytes(data), out));
  return text_of(std::span(out).first(hmac.value()->size()), Encoding::kHex);
}

}  // namespace

// RFC 4231, test cases 1, 2 and 6 (a key longer than a block).
TEST_CASE("hmac: published vectors") {
  const std::string key1(20, '\x0b');
  CHECK(signature("sha256", key1, "Hi There") == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(signature("sha384", key1, "Hi There") ==
        "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6");
  CHECK(signature("sha512", key1, "Hi There") ==
        "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1"
        "702e"
        "696c203a126854");
  CHECK(signature("sha256", "Jefe", "what do ya want for nothing?") ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(signature("sha256", std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First") ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  CHECK(signature("sha512", std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First") ==
        "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0a"
        "ec8b"
        "915a985d786598");
}

TEST_CASE("hmac: agrees with OpenSSL's own for keys and data of all lengths around a block") {
  struct Known {
    const char* name;
    const EVP_MD* md;
  };
  const Known known[] = {{"sha256", EVP_sha256()}, {"sha384", EVP_sha384()}, {"sha512", EVP_sha512()}};
  for (const auto& [name, md] : known) {
    for (const size_t key_size : {0, 1, 63, 64, 65, 127, 128, 129, 300}) {
      std::string key(key_size, '\0');
      for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<char>(i * 7 + 1);
      auto hmac = Hmac::create(name, bytes(key));
      REQUIRE(hmac.ok());
      for (const size_t size : {0, 1, 55, 56, 64, 111, 112, 128, 1000}) {
        const std::string data(size, 'x');
        std::vector<uint8_t> expected(kMaxDigest);
        unsigned length = 0;
        REQUIRE(HMAC(md, key.data(), static_cast<int>(key.size()), bytes(data).data(), data.size(), expected.data(),
                     &length) != nullptr);
        Digest out;
        // Twice: what is prepared must outlive a signature.
        for (int i = 0; i < 2; ++i) {
          REQUIRE(hmac.value()->sign(bytes(data), out));
          REQUIRE(hmac.value()->size() == length);
          CHECK(std::equal(expected.begin(), expected.begin() + length, out.begin()));
        }
      }
    }
  }
}

TEST_CASE("hmac: over a path and a digest") {
  auto hmac = Hmac::create("sha512", bytes("key"));
  REQUIRE(hmac.ok());
  Digest sha;
  unsigned length = 0;
  REQUIRE(EVP_Digest("data", 4, sha.data(), &length, EVP_sha256(), nullptr) == 1);
  std::string message = "/path";
  message.append(reinterpret_cast<const char*>(sha.data()), length);
  Digest expected;
  Digest out;
  REQUIRE(hmac.value()->sign(bytes(message), expected));
  REQUIRE(hmac.value()->sign_digest_of(bytes("/path"), bytes("data"), out));
  CHECK(out == expected);
}

TEST_CASE("hmac: what it does not know is refused, and nothing is left in OpenSSL's queue") {
  for (const char* name : {"", "md5", "SHA256", "sha512-256"}) {
    const auto hmac = Hmac::create(name, bytes("key"));
    REQUIRE_FALSE(hmac.ok());
    CHECK(hmac.error().code == Errc::kSign);
  }
  CHECK(ERR_peek_error() == 0);
}

TEST_CASE("hmac: encodings") {
  const std::string data = "\xfb\xff\xfe\x01";
  for (size_t size = 0; size <= 4; ++size) {
    const auto part = bytes(data).first(size);
    const char* const hex[] = {"", "fb", "fbff", "fbfffe", "fbfffe01"};
    const char* const base64[] = {"", "+w==", "+/8=", "+//+", "+//+AQ=="};
    const char* const url[] = {"", "-w", "-_8", "-__-", "-__-AQ"};
    CHECK(text_of(part, Encoding::kHex) == hex[size]);
    CHECK(text_of(part, Encoding::kBase64) == base64[size]);
    CHECK(text_of(part, Encoding::kBase64Url) == url[size]);
  }
}

}  // namespace tickwire::sign
