#include "hub/shm_lane.h"

#include <array>
#include <utility>

#include "hub/definition_frames.h"

namespace tickwire::hub {

Result<std::unique_ptr<ShmLane>> ShmLane::create(const ShmOptions& options) {
  auto writer =
      shm::Writer::create({.name = options.name, .directory = options.directory},
                          {.capacity = options.bytes, .table_capacity = options.table_bytes, .mode = options.mode});
  if (!writer.ok()) return writer.error();
  return std::unique_ptr<ShmLane>(new ShmLane(std::move(writer.value())));
}

void ShmLane::message(const Content& content) noexcept {
  uint8_t* const room = writer_->try_reserve(frame_room(Lane::kWire, content));
  const size_t size = room == nullptr ? 0 : write_frame(Lane::kWire, content, room);
  if (size == 0) return add_one(unwritten_);
  writer_->commit(size);
  add_one(messages_);
}

void ShmLane::define_topic(TopicId topic, std::string_view name) noexcept {
  std::array<uint8_t, kDefinitionRoom> frame;
  define({frame.data(), write_topic_frame(Lane::kWire, frame.data(), topic, name, 0)});
}

void ShmLane::define_symbol(KeyId key, std::string_view name) noexcept {
  std::array<uint8_t, kDefinitionRoom> frame;
  define({frame.data(), write_symbol_frame(Lane::kWire, frame.data(), key, name)});
}

// As a record too: readers need not look at the table for every number that they do not know, and those who are there
// learn it when the table is full.
void ShmLane::define(std::span<const uint8_t> frame) noexcept {
  const bool kept = writer_->append_table(frame);
  const bool told = writer_->append(frame);
  if (!kept || !told) add_one(unwritten_);
}

}  // namespace tickwire::hub
