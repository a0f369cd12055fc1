// Differential: whatever the learned layouts accept must be what the general engine gives, and the strict scan must
// agree with simdjson's walk about what JSON is. Input: one byte chooses the schema, then messages separated by 0x1E;
// the sample messages of that schema are decoded first, so that their layouts are known.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../native/decode_fixture.h"
#include "../native/decode_samples.h"
#include "decode/json_scan.h"
#include "decode/json_tape.h"

namespace {

using namespace tickwire::decode;
using testing::Bench;
using testing::Padded;

void require(bool good, const char* what, std::string_view message) {
  if (good) return;
  std::fprintf(stderr, "%s: %.*s\n", what, static_cast<int>(message.size()), message.data());
  std::abort();
}

void compare(Bench& both, Bench& general, std::string_view message, std::string_view behind) {
  const DecodeOutcome fast = both.decode(message, behind);
  const DecodeOutcome slow = general.decode(message, behind);
  require(testing::describe(fast) == testing::describe(slow), "outcome", message);
  require(both.dump() == general.dump(), "rows", message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto& samples = testing::samples();
  const auto& sample = samples[data[0] % samples.size()];
  static std::vector<Schema> schemas = [] {
    std::vector<Schema> all;
    for (const auto& each : testing::samples()) all.push_back(compile_schema(each.schema).value());
    return all;
  }();
  const Schema& schema = schemas[data[0] % samples.size()];
  // Small symbol tables: making them is most of the work, and full ones are worth a try too.
  Bench both(schema, JsonEngines::kBoth, 64);
  Bench general(schema, JsonEngines::kGeneral, 64);
  for (const std::string& message : sample.messages) compare(both, general, message, message);
  // As often as a layout has to come for its places to be learned, too.
  for (int i = 0; i < 4; ++i) {
    for (const std::string& message : sample.messages) static_cast<void>(both.decode(message));
  }
  std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  JsonTape tape;
  while (!rest.empty()) {
    const size_t end = rest.find('\x1E');
    const std::string_view message = rest.substr(0, end);
    const std::string_view behind = end == rest.npos ? std::string_view{} : rest.substr(end + 1);
    compare(both, general, message, behind);
    compare(both, general, message, sample.messages.front());
    if (!message.empty()) {
      const Padded padded(message, behind);
      const uint8_t* begin = padded.message().data();
      require(tape.parse(padded.message(), 64) == scan_document(begin, begin + message.size(), 64), "scan", message);
    }
    rest = behind;
  }
  return 0;
}
