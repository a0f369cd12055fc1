#include "wire/subscriptions.h"

#include <algorithm>

namespace tickwire::wire {
namespace {

constexpr size_t kNameHead = 6;  // tag and length, at most
constexpr size_t kFixed = 16;    // request and options

size_t name_bytes(std::string_view name) noexcept { return kNameHead + name.size(); }

}  // namespace

size_t names_bytes(std::span<const std::string> names) noexcept {
  size_t sum = 0;
  for (const std::string& name : names) sum += name_bytes(name);
  return sum;
}

void Subscriptions::add(std::span<const std::string> topics, const TopicFilter& filter) {
  const auto shared = std::make_shared<const TopicFilter>(filter);
  for (const std::string& topic : topics) topics_.insert_or_assign(topic, shared);
}

void Subscriptions::remove(std::span<const std::string> topics) {
  for (const std::string& topic : topics) topics_.erase(topic);
}

bool Subscriptions::filtered(std::string_view topic) const noexcept {
  const auto at = topics_.find(topic);
  return at != topics_.end() && !at->second->keys.empty();
}

// Topics that were asked for together go together: their filter is one object.
void Subscriptions::append(std::vector<Part>& parts, size_t& bytes, const Map::value_type& topic) {
  const TopicFilter* const filter = topic.second.get();
  if (parts.empty() || parts.back().filter != filter || bytes + name_bytes(topic.first) > kMaxPayload) {
    parts.push_back({{}, filter});
    bytes = kFixed + names_bytes(filter->keys);
  }
  parts.back().topics.push_back(topic.first);
  bytes += name_bytes(topic.first);
}

std::vector<Subscriptions::Part> Subscriptions::parts() const {
  std::vector<const Map::value_type*> all;
  all.reserve(topics_.size());
  for (const auto& topic : topics_) all.push_back(&topic);
  std::stable_sort(all.begin(), all.end(), [](const auto* a, const auto* b) {
    return std::less<const TopicFilter*>()(a->second.get(), b->second.get());
  });
  std::vector<Part> parts;
  size_t bytes = 0;
  for (const auto* topic : all) append(parts, bytes, *topic);
  return parts;
}

std::vector<Subscriptions::Part> Subscriptions::parts(std::span<const std::string> topics) const {
  std::vector<Part> parts;
  size_t bytes = 0;
  for (const std::string& name : topics) {
    if (const auto at = topics_.find(name); at != topics_.end()) append(parts, bytes, *at);
  }
  return parts;
}

}  // namespace tickwire::wire
