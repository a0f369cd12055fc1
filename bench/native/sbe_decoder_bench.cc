// Nanoseconds per message from SBE to rows, on one thread, data in cache:
//   sbe_decoder_bench DESCRIPTION MESSAGES ROUNDS
// DESCRIPTION: what TypeScript tells the core (docs/schema-format.md). MESSAGES: u32 length, then the message, again
// and again; they are laid back to back, as in a receive buffer. One JSON line:
//   {"ns":[21.3,…],"messages":4096,"rows":4096,"sum":1.23e9,"mallocs":0}
// with the time of each round and the sum of all doubles of a round's rows, by which other decoders of the same
// messages are compared. `mallocs` counts those of the last round, when everything is warm.
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "decode/decoder.h"

namespace {
size_t mallocs = 0;
}  // namespace

void* operator new(size_t size) {
  ++mallocs;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace {

using namespace tickwire::decode;

std::string contents(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

double sum_of(const Schema& schema, RowBatch& batch) {
  double sum = 0;
  for (const RowBatch::Row& row : batch.rows()) {
    for (const Field& field : schema.shapes[row.shape].fields) {
      const uint64_t word = batch.row_words(row)[field.slot];
      if (field.type == FieldType::kNumber) sum += std::bit_cast<double>(word);
      if (field.type == FieldType::kInt64) sum += static_cast<double>(static_cast<int64_t>(word));
    }
  }
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  auto schema = compile_sbe_schema(contents(argv[1]));
  if (!schema.ok()) {
    std::fprintf(stderr, "%s\n", schema.error().text.c_str());
    return 1;
  }
  const std::string file = contents(argv[2]);
  std::vector<uint8_t> bytes;
  std::vector<std::pair<size_t, size_t>> messages;
  for (size_t at = 0; at + 4 <= file.size();) {
    uint32_t length;
    std::memcpy(&length, file.data() + at, 4);
    messages.emplace_back(bytes.size(), length);
    bytes.insert(bytes.end(), file.begin() + static_cast<ptrdiff_t>(at) + 4,
                 file.begin() + static_cast<ptrdiff_t>(at) + 4 + length);
    at += 4 + length;
  }
  bytes.resize(bytes.size() + 64);
  std::vector<uint64_t> memory(8192);
  SymbolTable symbols({reinterpret_cast<uint8_t*>(memory.data()), memory.size() * 8}, 4096);
  const Schema rows_schema = schema.value().rows;
  const std::unique_ptr<Decoder> decoder = make_sbe_decoder(std::move(schema.value()), symbols);
  RowBatch batch;
  double sum = 0;
  for (const auto& [offset, length] : messages) {
    batch.clear();
    if (!decoder->decode({bytes.data() + offset, length}, true, batch).ok) return 1;
    sum += sum_of(rows_schema, batch);
  }
  std::vector<double> times(static_cast<size_t>(std::atoi(argv[3])));
  size_t rows = 0;
  for (double& time : times) {
    rows = 0;
    mallocs = 0;
    const auto start = std::chrono::steady_clock::now();
    for (const auto& [offset, length] : messages) {
      batch.clear();
      const auto outcome = decoder->decode({bytes.data() + offset, length}, true, batch);
      rows += outcome.ok ? batch.rows().size() : 0;
    }
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    time = took.count() / static_cast<double>(messages.size());
  }
  std::printf("{\"ns\":[");
  for (size_t i = 0; i < times.size(); ++i) std::printf("%s%.2f", i == 0 ? "" : ",", times[i]);
  std::printf("],\"messages\":%zu,\"rows\":%zu,\"sum\":%.17g,\"mallocs\":%zu}\n", messages.size(), rows, sum, mallocs);
  return 0;
}
