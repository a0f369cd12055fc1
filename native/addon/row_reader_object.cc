#include "addon/row_reader_object.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "addon/throw_error.h"
#include "decode/sbe_schema.h"

namespace tickwire::addon {

namespace {

constexpr size_t kPadding = 64;            // see Decoder::decode()
constexpr size_t kKeepMessage = 1u << 20;  // memory for messages that is kept for the next one
constexpr uint32_t kNoField = 0xffff;      // lib/feed/row-reader.ts takes the number apart

}  // namespace

Napi::Function RowReaderObject::define(Napi::Env env) {
  return DefineClass(env, "RowReader", {InstanceMethod<&RowReaderObject::read>("read")});
}

RowReaderObject::RowReaderObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  auto memory = info[1].As<Napi::ArrayBuffer>();
  symbol_memory_ = Napi::Reference<Napi::ArrayBuffer>::New(memory, 1);
  symbols_ = std::make_unique<decode::SymbolTable>(std::span(static_cast<uint8_t*>(memory.Data()), memory.ByteLength()),
                                                   info[2].ToNumber().Uint32Value());
  const std::string description = info[0].ToString().Utf8Value();
  binary_ = info[3].IsString() && info[3].ToString().Utf8Value() == "sbe";
  if (binary_) {
    auto schema = decode::compile_sbe_schema(description);
    if (!schema.ok()) {
      throw_error(info.Env(), schema.error());
      return;
    }
    decoder_ = decode::make_sbe_decoder(std::move(schema.value()), *symbols_);
    return;
  }
  auto schema = decode::compile_schema(description);
  if (!schema.ok()) {
    throw_error(info.Env(), schema.error());
    return;
  }
  shapes_ = schema.value().shapes;
  decoder_ = decode::make_json_decoder(std::move(schema.value()), *symbols_);
}

// read(bytes, binary): an ArrayBuffer of row records (native/decode/row_batch.h), or a number that says why there is
// none.
Napi::Value RowReaderObject::read(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto bytes = info[0].As<Napi::Uint8Array>();
  const bool binary = info[1].IsBoolean() ? info[1].ToBoolean().Value() : binary_;
  const size_t size = bytes.ByteLength();
  message_.resize(size + kPadding);
  if (size != 0) std::memcpy(message_.data(), bytes.Data(), size);
  std::memset(message_.data() + size, 0, kPadding);
  batch_.clear_into_own();
  const decode::DecodeOutcome outcome = decoder_->decode({message_.data(), size}, binary, batch_);
  if (message_.capacity() > kKeepMessage + kPadding) std::vector<uint8_t>().swap(message_);
  if (!outcome.ok) {
    const uint32_t field = outcome.field < 0 ? kNoField : static_cast<uint32_t>(outcome.field);
    return Napi::Number::New(env, static_cast<uint32_t>(outcome.why) | uint32_t{outcome.shape} << 8 | field << 16);
  }
  if (outcome.blank) decode::drop_blank_rows(batch_, shapes_);
  const auto& rows = batch_.rows();
  size_t words = 0;
  if (!outcome.ignored) {
    for (const auto& row : rows) words += row.word_count;
  }
  Napi::ArrayBuffer out = Napi::ArrayBuffer::New(env, words * 8);
  if (words == 0) return out;
  auto* to = static_cast<uint64_t*>(out.Data());
  for (const auto& row : rows) {
    std::memcpy(to, batch_.row_words(row), size_t{row.word_count} * 8);
    to[0] = uint64_t{row.word_count} * 8 | uint64_t{row.shape} << 40;
    to[1] = to[2] = 0;
    to += row.word_count;
  }
  return out;
}

}  // namespace tickwire::addon
