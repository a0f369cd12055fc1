// The sink's figures as one JSON line.
#pragma once
#include <cstdint>
#include <vector>

#include "sink/tally.h"

namespace sink {

struct ClassReport {
  const Tally* tally = nullptr;
  uint64_t connections = 0;
  uint64_t open = 0;
  std::vector<uint64_t> lags;      // of each connection: sequence numbers behind the newest that anybody has
  std::vector<uint64_t> messages;  // of each connection
};

void print_report(uint64_t newest, std::vector<ClassReport>& reports);

}  // namespace sink
