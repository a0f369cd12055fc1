// Names in the order in which wire clients have to be told of them: a topic when it is first published to, a key when
// it first occurs in a topic. The log's entries that carry a definition (kDefinition) go out as they are published;
// whoever joins later, or jumps over some, gets them from here. Guarded by the publication's mutex.
#pragma once
#include <cstdint>
#include <vector>

#include "hub/types.h"

namespace tickwire::hub {

struct Definition {
  TopicId topic = kNoTopic;
  KeyId key = kNoKey;  // kNoKey: of the topic itself
};

class DefinitionLog {
 public:
  void add(TopicId topic, KeyId key) { all_.push_back({topic, key}); }
  [[nodiscard]] uint32_t size() const noexcept { return static_cast<uint32_t>(all_.size()); }
  [[nodiscard]] const Definition& operator[](uint32_t i) const noexcept { return all_[i]; }

 private:
  std::vector<Definition> all_;
};

}  // namespace tickwire::hub
