// A message as JS publishes it: text, or bytes that are read where they lie.
#pragma once
#include <napi.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tickwire::addon {

class HubContent {
 public:
  // Throws a JS TypeError when the value is neither a string nor a Uint8Array.
  void read(Napi::Env env, napi_value value) {
    napi_valuetype type;
    if (napi_typeof(env, value, &type) == napi_ok) {
      if (type == napi_string && read_text(env, value)) return;
      if (type == napi_object && read_bytes(env, value)) return;
    }
    throw Napi::TypeError::New(env, "a message is a string or a Uint8Array");
  }
  // As read(); anything else counts as nothing.
  void read_if_text(napi_env env, napi_value value) {
    napi_valuetype type;
    if (napi_typeof(env, value, &type) == napi_ok && type == napi_string) (void)read_text(env, value);
  }
  [[nodiscard]] bool is_bytes() const noexcept { return is_bytes_; }
  [[nodiscard]] std::span<const uint8_t> bytes() const noexcept { return bytes_; }

 private:
  bool read_bytes(napi_env env, napi_value value) {
    bool is_typed_array = false;
    napi_typedarray_type type;
    size_t length = 0;
    void* data = nullptr;
    if (napi_is_typedarray(env, value, &is_typed_array) != napi_ok || !is_typed_array ||
        napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok ||
        type != napi_uint8_array) {
      return false;
    }
    is_bytes_ = true;
    bytes_ = {static_cast<const uint8_t*>(data), length};
    return true;
  }
  bool read_text(napi_env env, napi_value value) {
    is_bytes_ = false;
    size_t length = 0;
    // Short texts, the rule, need one call and no allocation.
    if (napi_get_value_string_utf8(env, value, small_.data(), small_.size(), &length) != napi_ok) return false;
    // A text that was cut fills the buffer but for the terminator, or all but what its last character would have
    // needed.
    if (length + 4 < small_.size()) {
      bytes_ = {reinterpret_cast<const uint8_t*>(small_.data()), length};
      return true;
    }
    if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return false;
    large_.resize(length + 1);
    if (napi_get_value_string_utf8(env, value, large_.data(), large_.size(), &length) != napi_ok) return false;
    bytes_ = {reinterpret_cast<const uint8_t*>(large_.data()), length};
    return true;
  }

  bool is_bytes_ = false;
  std::span<const uint8_t> bytes_;
  std::array<char, 1024> small_;
  std::string large_;
};

// Several of them, their texts in one memory that is used again.
class HubContents {
 public:
  // An unusual batch does not keep its memory.
  void clear() noexcept {
    items_.clear();
    used_ = 0;
    if (texts_.size() > kLargestKept) std::vector<uint8_t>().swap(texts_);
  }
  // Throws a JS TypeError when the value is neither a string nor a Uint8Array.
  void add(Napi::Env env, napi_value value) {
    if (add_text(env, value)) return;
    HubContent content;
    content.read(env, value);
    items_.push_back({content.bytes().data(), content.bytes().size(), true});
  }
  [[nodiscard]] size_t size() const noexcept { return items_.size(); }
  [[nodiscard]] bool is_bytes(size_t i) const noexcept { return items_[i].is_bytes; }
  // Until the next add() or clear().
  [[nodiscard]] std::span<const uint8_t> bytes(size_t i) const noexcept {
    const Item& item = items_[i];
    return {item.is_bytes ? item.data : texts_.data() + item.at, item.size};
  }

 private:
  struct Item {
    const uint8_t* data = nullptr;
    size_t size = 0;
    bool is_bytes = false;
    size_t at = 0;  // of a text
  };
  static constexpr size_t kRoom = 4096;
  static constexpr size_t kLargestKept = size_t{4} << 20;

  bool add_text(napi_env env, napi_value value) {
    if (texts_.size() - used_ < kRoom) texts_.resize(used_ + kRoom + texts_.size());
    size_t length = 0;
    const auto get = [&] {
      const size_t room = texts_.size() - used_;
      return napi_get_value_string_utf8(env, value, reinterpret_cast<char*>(texts_.data() + used_), room, &length);
    };
    if (get() != napi_ok) return false;
    // As in HubContent: it may have been cut.
    if (length + 4 >= texts_.size() - used_) {
      if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return false;
      texts_.resize(used_ + length + kRoom);
      if (get() != napi_ok) return false;
    }
    items_.push_back({nullptr, length, false, used_});
    used_ += length;
    return true;
  }

  std::vector<Item> items_;
  std::vector<uint8_t> texts_;
  size_t used_ = 0;
};

}  // namespace tickwire::addon
