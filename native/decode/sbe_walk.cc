#include "decode/sbe_walk.h"

namespace tickwire::decode {

Malformed SbeWalk::walk(const std::vector<SbeGroup>& groups, const std::vector<SbeData>& data, const uint8_t*& at,
                        std::vector<SbeEntries>& found, std::vector<std::string_view>& texts) {
  for (size_t i = 0; i < groups.size(); ++i) {
    found[i] = {};
    if (groups[i].since > version_) continue;
    if (const Malformed why = dimension(groups[i], at, found[i]); why != kFine) return why;
    if (const Malformed why = pass_entries(groups[i], found[i], at); why != kFine) return why;
  }
  for (size_t i = 0; i < data.size(); ++i) {
    if (const Malformed why = text(data[i], at, texts[i]); why != kFine) return why;
  }
  return kFine;
}

Malformed SbeWalk::dimension(const SbeGroup& group, const uint8_t*& at, SbeEntries& out) const {
  if (room(at) < group.dimension) return Malformed::kTruncated;
  out.block_length = load(at, group.block_length, big_endian_);
  out.count = load(at, group.count, big_endian_);
  at += group.dimension;
  out.at = at;
  return out.count > group.most ? Malformed::kOutOfRange : kFine;
}

Malformed SbeWalk::pass(const SbeGroup& group, const uint8_t*& at) const {
  if (group.since > version_) return kFine;
  SbeEntries entries;
  if (const Malformed why = dimension(group, at, entries); why != kFine) return why;
  return pass_entries(group, entries, at);
}

Malformed SbeWalk::pass_entries(const SbeGroup& group, const SbeEntries& entries, const uint8_t*& at) const {
  if (group.groups.empty() && group.data.empty()) {
    if (entries.block_length != 0 && entries.count > room(at) / entries.block_length) return Malformed::kTruncated;
    at += entries.block_length * entries.count;
    return kFine;
  }
  for (uint64_t i = 0; i < entries.count; ++i) {
    if (room(at) < entries.block_length) return Malformed::kTruncated;
    const uint8_t* const start = at;
    at += entries.block_length;
    if (const Malformed why = pass_parts(group, at); why != kFine) return why;
    // Nothing at all in it, so nothing in the others: only a count says that there are billions of them.
    if (at == start) break;
  }
  return kFine;
}

Malformed SbeWalk::pass_parts(const SbeGroup& group, const uint8_t*& at) const {
  for (const SbeGroup& inner : group.groups) {
    if (const Malformed why = pass(inner, at); why != kFine) return why;
  }
  std::string_view ignored;
  for (const SbeData& data : group.data) {
    if (const Malformed why = text(data, at, ignored); why != kFine) return why;
  }
  return kFine;
}

Malformed SbeWalk::entry_parts(const SbeGroup& group, const uint8_t*& at, std::vector<std::string_view>& texts) const {
  for (const SbeGroup& inner : group.groups) {
    if (const Malformed why = pass(inner, at); why != kFine) return why;
  }
  for (size_t i = 0; i < group.data.size(); ++i) {
    if (const Malformed why = text(group.data[i], at, texts[i]); why != kFine) return why;
  }
  return kFine;
}

Malformed SbeWalk::text(const SbeData& data, const uint8_t*& at, std::string_view& out) const {
  out = {};  // its pointer is null: not there
  if (data.since > version_) return kFine;
  if (room(at) < data.start) return Malformed::kTruncated;
  const uint64_t length = load(at, data.length, big_endian_);
  at += data.start;
  if (room(at) < length) return Malformed::kTruncated;
  out = {reinterpret_cast<const char*>(at), static_cast<size_t>(length)};
  at += length;
  return kFine;
}

}  // namespace tickwire::decode
