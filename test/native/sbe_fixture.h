// What the tests of SBE share: a description, messages, and rows made comparable.
#pragma once
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "decode_fixture.h"

namespace tickwire::decode::testing {

// Shape "order": block of 8 (time), 8 (price, exponent behind), 1 exponent, 1 side, 1 flags, 4 characters, 8 added by
// version 2; group of levels; symbol and note. Shape "fill": rows of the entries of a group with a nested one and data.
inline constexpr const char* kSbeDescription = R"({"schema":91,
  "header":{"size":8,"blockLength":{"offset":0,"type":"uint16"},"templateId":{"offset":2,"type":"uint16"},
    "schemaId":{"offset":4,"type":"uint16"},"version":{"offset":6,"type":"uint16"}},
  "maxRows":4,
  "shapes":[
   {"name":"order","template":1,"words":16,"flagsSlot":15,"keyField":0,
    "groups":[{"size":3,"blockLength":{"offset":0,"type":"uint16"},"count":{"offset":2,"type":"uint8"},"most":100}],
    "data":[{"length":{"offset":0,"type":"uint8"},"start":1},{"length":{"offset":0,"type":"uint16"},"start":2,"since":1}],
    "fields":[
     {"name":"symbol","type":"symbol","slot":3,"data":0,"in":"root"},
     {"name":"time","type":"int64","slot":4,"number":{"mantissa":{"at":{"offset":0,"type":"uint64"}}}},
     {"name":"price","type":"number","slot":5,"number":{"mantissa":{"at":{"offset":8,"type":"int64"}},
       "exponent":{"at":{"offset":16,"type":"int8"}}}},
     {"name":"exact","type":"decimal","slot":6,"number":{"mantissa":{"at":{"offset":8,"type":"int64"}},
       "exponent":{"at":{"offset":16,"type":"int8"}}}},
     {"name":"side","type":"symbol","slot":8,"number":{"mantissa":{"at":{"offset":17,"type":"int8"}}},
       "names":[{"bits":"1","text":"buy"},{"bits":"ff","text":"sell"}]},
     {"name":"maker","type":"bool","slot":9,"number":{"mantissa":{"at":{"offset":18,"type":"uint8"}}},"flag":7},
     {"name":"code","type":"text","slot":10,"chars":{"at":{"offset":19,"type":"uint8"}},"length":4,"maxBytes":8},
     {"name":"later","type":"int64","slot":11,"optional":true,"bit":0,
       "number":{"mantissa":{"at":{"offset":23,"type":"int64"},"since":2,"null":"8000000000000000"}}},
     {"name":"note","type":"text","slot":12,"optional":true,"bit":1,"data":1,"maxBytes":8},
     {"name":"levels","type":"levels","slot":13,"maxLevels":3,"exact":false,"group":0,
       "price":{"mantissa":{"in":"each","at":{"offset":0,"type":"int32"}},"exponent":{"at":{"offset":16,"type":"int8"}}},
       "size":{"mantissa":{"in":"each","at":{"offset":4,"type":"uint16"}}}},
     {"name":"unit","type":"number","slot":14,"constant":"9"}]},
   {"name":"fill","template":2,"each":0,"words":7,"keyField":1,
    "groups":[{"size":3,"blockLength":{"offset":0,"type":"uint16"},"count":{"offset":2,"type":"uint8"},
      "groups":[{"size":6,"blockLength":{"offset":0,"type":"uint16"},"count":{"offset":2,"type":"uint32"},
        "data":[{"length":{"offset":0,"type":"uint8"},"start":1,"since":1}]}],
      "data":[{"length":{"offset":0,"type":"uint8"},"start":1}]}],
    "fields":[
     {"name":"total","type":"int64","slot":3,"number":{"mantissa":{"at":{"offset":0,"type":"int32"}}}},
     {"name":"owner","type":"symbol","slot":4,"data":0,"in":"each"},
     {"name":"id","type":"int64","slot":5,"number":{"mantissa":{"in":"each","at":{"offset":0,"type":"uint16"}}}},
     {"name":"near","type":"number","slot":6,"number":{"mantissa":{"in":"each","at":{"offset":2,"type":"float"}}}}]}]})";

// Little-endian bytes one after the other.
class Wire {
 public:
  template <class T>
  Wire& put(T value) {
    const size_t at = bytes_.size();
    bytes_.resize(at + sizeof value);
    std::memcpy(bytes_.data() + at, &value, sizeof value);
    return *this;
  }
  Wire& text(std::string_view value) {
    bytes_ += value;
    return *this;
  }
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

 private:
  std::string bytes_;
};

inline std::string sbe_message(uint16_t type, uint16_t version, const Wire& block, const Wire& rest) {
  Wire header;
  header.put<uint16_t>(static_cast<uint16_t>(block.bytes().size())).put(type).put<uint16_t>(91).put(version);
  return header.bytes() + block.bytes() + rest.bytes();
}

inline Wire order_block() {
  return Wire()
      .put<uint64_t>(1'760'000'000'000'000)
      .put<int64_t>(-12'345)
      .put<int8_t>(-2)
      .put<int8_t>(-1)
      .put<uint8_t>(0x80)
      .text(std::string_view("AB\0D", 4));
}

inline Wire order_rest() {
  return Wire()
      .put<uint16_t>(6)
      .put<uint8_t>(2)
      .put<int32_t>(101)
      .put<uint16_t>(7)
      .put<int32_t>(-99)
      .put<uint16_t>(65'535)
      .put<uint8_t>(7)
      .text("BTCUSDT");
}

inline std::string fills_message(uint16_t version, uint8_t count) {
  Wire rest;
  rest.put<uint16_t>(6).put<uint8_t>(count);
  for (uint8_t i = 0; i < count; ++i) {
    rest.put<uint16_t>(static_cast<uint16_t>(1000 + i)).put<float>(0.5F).put<uint16_t>(1).put<uint32_t>(2);
    for (int leg = 0; leg < 2; ++leg) {
      rest.put<uint8_t>(1);
      if (version >= 1) rest.put<uint8_t>(3).text("leg");
    }
    rest.put<uint8_t>(2).text(i % 2 == 0 ? "me" : "us");
  }
  return sbe_message(2, version, Wire().put<int32_t>(-5), rest);
}

class SbeBench {
 public:
  explicit SbeBench(const SbeSchema& schema, uint32_t max_symbols = 4096)
      : memory_(4 * max_symbols),
        symbols_({reinterpret_cast<uint8_t*>(memory_.data()), memory_.size() * 8}, max_symbols),
        rows_(schema.rows),
        decoder_(make_sbe_decoder(schema, symbols_)) {}

  DecodeOutcome decode(std::string_view message, bool binary = true) {
    const Padded padded(message, std::string(64, '\xAA'));
    batch_.clear_into_own();
    return decoder_->decode(padded.message(), binary, batch_);
  }
  RowBatch& batch() noexcept { return batch_; }
  [[nodiscard]] std::string_view symbol(uint64_t id) const { return symbols_.text(static_cast<uint32_t>(id)); }
  [[nodiscard]] const Schema& rows() const noexcept { return rows_; }
  Decoder& decoder() noexcept { return *decoder_; }

 private:
  std::vector<uint64_t> memory_;
  SymbolTable symbols_;
  Schema rows_;
  std::unique_ptr<Decoder> decoder_;
  RowBatch batch_;
};

}  // namespace tickwire::decode::testing
