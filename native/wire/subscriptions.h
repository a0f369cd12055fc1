// Which topics a receiver wants, and how: kept across connections, said again on each.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tickwire::wire {

// How topics are subscribed to. What one call asks for shares one.
struct TopicFilter {
  std::vector<std::string> keys;  // symbols; empty: all
  bool snapshot = true;           // what the topic retains, first
};

class Subscriptions {
 public:
  // Bytes of payload of one Subscribe; the keys of its filter may take half of it.
  static constexpr size_t kMaxPayload = 16'384;

  // A topic that is there already gets the new filter.
  void add(std::span<const std::string> topics, const TopicFilter& filter);
  void remove(std::span<const std::string> topics);
  [[nodiscard]] bool filtered(std::string_view topic) const noexcept;
  [[nodiscard]] bool has(std::string_view topic) const noexcept { return topics_.contains(topic); }
  [[nodiscard]] size_t size() const noexcept { return topics_.size(); }

  // One Subscribe's worth of topics; the views are good until the next change.
  struct Part {
    std::vector<std::string_view> topics;
    const TopicFilter* filter = nullptr;
  };
  // Everything, in parts that fit into kMaxPayload each.
  [[nodiscard]] std::vector<Part> parts() const;
  // The same of these topics alone, as far as they are there.
  [[nodiscard]] std::vector<Part> parts(std::span<const std::string> topics) const;

 private:
  using Map = std::map<std::string, std::shared_ptr<const TopicFilter>, std::less<>>;
  static void append(std::vector<Part>& parts, size_t& bytes, const Map::value_type& topic);
  Map topics_;
};

// Bytes of payload that these names take up, with their tags.
[[nodiscard]] size_t names_bytes(std::span<const std::string> names) noexcept;

}  // namespace tickwire::wire
