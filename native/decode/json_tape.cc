#include "decode/json_tape.h"

#include <simdjson.h>

#include <bit>
#include <cstring>
#include <string_view>
#include <utility>

#include "decode/json_text.h"
#include "decode/number.h"

namespace tickwire::decode {

namespace ondemand = simdjson::ondemand;

struct JsonTape::Parser {
  ondemand::parser parser;
};

// On-demand checks UTF-8, the ends of strings and the punctuation between the values that are visited. What it leaves
// to those who ask for a value (numbers, words, escapes) is checked here for every scalar. It also expects harmless
// bytes behind the message, where a receive buffer holds the next one: a walk that ran over the end is told by tokens
// outside the message and by where it stopped.
class JsonTape::Walk {
 public:
  Walk(std::span<const uint8_t> message, uint32_t max_depth, std::vector<TapeEntry>& entries)
      : text_(message.data()), end_(message.data() + message.size()), left_(max_depth), entries_(entries) {}

  [[nodiscard]] bool root(ondemand::document& document) {
    const uint8_t* first = skip_space(text_, end_);
    if (first == end_) return false;
    first_ = first;
    if (*first == '{') {
      ondemand::object object;
      return document.get_object().get(object) == simdjson::SUCCESS && this->object(object, first) && finish(document);
    }
    if (*first == '[') {
      ondemand::array array;
      return document.get_array().get(array) == simdjson::SUCCESS && this->array(array, first) && finish(document);
    }
    const uint8_t* after = scalar(first);
    return after != nullptr && skip_space(after, end_) == end_;
  }

 private:
  bool finish(ondemand::document& document) {
    const char* more = nullptr;
    if (document.current_location().get(more) != simdjson::OUT_OF_BOUNDS) return false;
    close(0, end_);
    return true;
  }

  uint32_t open(ValueKind kind, const uint8_t* at) {
    const auto index = static_cast<uint32_t>(entries_.size());
    entries_.push_back({offset(at), 0, 0, kind, false});
    return index;
  }

  // The container ends with the last bracket before `next_token`.
  void close(uint32_t index, const uint8_t* next_token) {
    while (next_token[-1] == ' ' || next_token[-1] == '\n' || next_token[-1] == '\r' || next_token[-1] == '\t')
      --next_token;
    entries_[index].end = offset(next_token);
    entries_[index].next = static_cast<uint32_t>(entries_.size());
  }

  bool value(ondemand::value value) {
    std::string_view token = value.raw_json_token();
    if (token.empty()) return false;
    const auto* at = reinterpret_cast<const uint8_t*>(token.data());
    if (!inside(at)) return false;
    if (*at == '{' || *at == '[') {
      const auto index = static_cast<uint32_t>(entries_.size());
      if (*at == '{') {
        ondemand::object object;
        if (value.get_object().get(object) != simdjson::SUCCESS || !this->object(object, at)) return false;
      } else {
        ondemand::array array;
        if (value.get_array().get(array) != simdjson::SUCCESS || !this->array(array, at)) return false;
      }
      const char* next = nullptr;
      if (value.current_location().get(next) != simdjson::SUCCESS) return false;
      close(index, reinterpret_cast<const uint8_t*>(next));
      return true;
    }
    if (*at == '"') {
      // A string has to be taken: one that is left alone and has a colon behind it would pass for a key.
      ondemand::raw_json_string taken;
      if (value.get_raw_json_string().get(taken) != simdjson::SUCCESS) return false;
    }
    const uint8_t* after = scalar(at);
    // simdjson's token reaches to the next one: only white space may fill the rest.
    return after != nullptr && skip_space(after, at + token.size()) == at + token.size();
  }

  bool object(ondemand::object& object, const uint8_t* at) {
    if (left_ == 0) return false;
    --left_;
    open(ValueKind::kObject, at);
    for (auto member : object) {
      ondemand::field field;
      if (std::move(member).get(field) != simdjson::SUCCESS) return false;
      const auto* key = reinterpret_cast<const uint8_t*>(field.key().raw()) - 1;
      if (!inside(key) || scalar(key) == nullptr || !value(field.value())) return false;
    }
    ++left_;
    return true;
  }

  bool array(ondemand::array& array, const uint8_t* at) {
    if (left_ == 0) return false;
    --left_;
    open(ValueKind::kArray, at);
    for (auto element : array) {
      ondemand::value each;
      if (std::move(element).get(each) != simdjson::SUCCESS || !value(each)) return false;
    }
    ++left_;
    return true;
  }

  const uint8_t* word(const uint8_t* at, std::string_view text, ValueKind kind) {
    if (static_cast<size_t>(end_ - at) < text.size() || std::memcmp(at, text.data(), text.size()) != 0) return nullptr;
    push(at, at + text.size(), kind, false);
    return at + text.size();
  }

  const uint8_t* scalar(const uint8_t* at) {
    switch (*at) {
      case '"': {
        const StringScan string = scan_string(at + 1, end_);
        if (string.error != TextError::kNone) return nullptr;
        push(at, string.end + 1, ValueKind::kString, string.escaped);
        return string.end + 1;
      }
      case 't':
        return word(at, "true", ValueKind::kTrue);
      case 'f':
        return word(at, "false", ValueKind::kFalse);
      case 'n':
        return word(at, "null", ValueKind::kNull);
      default: {
        const uint8_t* after = skip_number(at, end_);
        if (after != nullptr) push(at, after, ValueKind::kNumber, false);
        return after;
      }
    }
  }

  void push(const uint8_t* at, const uint8_t* after, ValueKind kind, bool escaped) {
    entries_.push_back({offset(at), offset(after), static_cast<uint32_t>(entries_.size() + 1), kind, escaped});
  }

  bool inside(const uint8_t* at) const noexcept { return at > first_ && at < end_; }

  uint32_t offset(const uint8_t* at) const noexcept { return static_cast<uint32_t>(at - text_); }

  const uint8_t* text_;
  const uint8_t* end_;
  const uint8_t* first_ = nullptr;  // the root's first byte
  uint32_t left_;
  std::vector<TapeEntry>& entries_;
};

JsonTape::JsonTape() : parser_(std::make_unique<Parser>()) {}
JsonTape::JsonTape(JsonTape&&) noexcept = default;
JsonTape& JsonTape::operator=(JsonTape&&) noexcept = default;
JsonTape::~JsonTape() = default;

ScanError JsonTape::parse(std::span<const uint8_t> message, uint32_t max_depth) {
  entries_.clear();
  const auto* text = reinterpret_cast<const char*>(message.data());
  if (parser_->parser.capacity() < message.size() &&
      parser_->parser.allocate(std::bit_ceil(message.size() + 1024), kMaxScanDepth + 2) != simdjson::SUCCESS) {
    return ScanError::kSyntax;
  }
  const simdjson::padded_string_view padded(text, message.size(), message.size() + simdjson::SIMDJSON_PADDING);
  ondemand::document document;
  if (parser_->parser.iterate(padded).get(document) == simdjson::SUCCESS &&
      Walk(message, max_depth, entries_).root(document)) {
    return ScanError::kNone;
  }
  // Refused: find out why, by the first thing that is wrong in the text.
  const ScanError why = scan_document(message.data(), message.data() + message.size(), max_depth);
  return why == ScanError::kNone ? ScanError::kSyntax : why;
}

}  // namespace tickwire::decode
