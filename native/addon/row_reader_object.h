// `new addon.RowReader(description, symbols, maxSymbols, format)`: a schema applied to messages that JS holds, on JS's
// thread.
#pragma once
#include <napi.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "decode/decoder.h"

namespace tickwire::addon {

class RowReaderObject final : public Napi::ObjectWrap<RowReaderObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit RowReaderObject(const Napi::CallbackInfo& info);

 private:
  Napi::Value read(const Napi::CallbackInfo& info);

  Napi::Reference<Napi::ArrayBuffer> symbol_memory_;  // `symbols_` writes into it
  std::unique_ptr<decode::SymbolTable> symbols_;
  std::unique_ptr<decode::Decoder> decoder_;
  std::vector<decode::Shape> shapes_;  // of JSON
  bool binary_ = false;                // SBE
  decode::RowBatch batch_;
  std::vector<uint8_t> message_;  // with the bytes behind it that a decoder may load
};

}  // namespace tickwire::addon
