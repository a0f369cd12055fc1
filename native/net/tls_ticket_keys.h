// The keys with which a TLS server seals session tickets: drawn at random, replaced at an interval, kept for one more
// to open older tickets, and then gone, so that a key that leaks opens no more than two intervals' sessions.
#pragma once
#include <openssl/ssl.h>

#include <array>
#include <cstdint>
#include <mutex>

#include "base/error.h"

namespace tickwire {

// Any thread.
class TlsTicketKeys {
 public:
  static constexpr size_t kNameBytes = 16;
  // `interval_ns` on the monotonic clock. kSystem without entropy.
  [[nodiscard]] Result<void> init(int64_t interval_ns);

  // What OpenSSL's callback does, at `now_ns`: sealing takes the newest key, opening the one of that name. 1: done;
  // 2: opened with the older key, so that a new ticket is due; 0: no such key, hence a full handshake; -1: failure.
  [[nodiscard]] int serve(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                          bool sealing, int64_t now_ns) noexcept;

 private:
  struct Key {
    std::array<uint8_t, kNameBytes> name{};
    std::array<uint8_t, 32> cipher{};  // AES-256
    std::array<uint8_t, 32> mac{};     // HMAC-SHA-256
    int64_t made_at = 0;
    bool valid = false;
  };
  [[nodiscard]] static bool draw(Key& key, int64_t now_ns) noexcept;
  [[nodiscard]] bool replace_when_due(int64_t now_ns) noexcept;

  std::mutex mutex_;
  Key newest_;
  Key older_;
  int64_t interval_ns_ = 0;
};

}  // namespace tickwire
