// The part of a description that says where things stand in a row, which is the same whatever the rows are made from.
#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "decode/description_reader.h"
#include "decode/schema.h"

namespace tickwire::decode {

class LayoutReader {
 public:
  using Element = DescriptionReader::Element;
  using Object = simdjson::dom::object;

  static constexpr size_t kMaxDescription = 4u << 20;
  static constexpr size_t kMaxShapes = 255;
  static constexpr size_t kMaxFields = 512;
  static constexpr size_t kMaxKey = 1024;

  // Faults go to `reader`.
  explicit LayoutReader(DescriptionReader& reader) noexcept : reader_(reader) {}

  // The description as JSON, which lives as long as `parser` does. False when it is too long or none.
  [[nodiscard]] bool open(std::string_view description, simdjson::dom::parser& parser, Element& root);

  // The members of a shape that stand in front of its fields: name, words, flagsSlot.
  void begin_shape(const Object& from, const std::string& place, const std::vector<Shape>& others, Shape& out);
  // Those that need the fields: keyField; and that no two things have the same place.
  void end_shape(const Object& from, const std::string& place, Shape& shape);
  // The members of a field that say what it is in the row: name, type, slot, optional, bit, and the options of its type
  // but for priceKey and sizeKey.
  void field(const Object& from, const std::string& place, const Shape& shape, Field& out);
  // Refuses members that are not for this type.
  void only_for(bool right_type, const Object& from, const std::string& place,
                std::initializer_list<std::string_view> keys);

  // Members that may be left out keep what `out` holds.
  template <class T>
  void integer(const Object& from, const std::string& place, std::string_view key, int64_t min, int64_t max, T& out,
               bool required = false) {
    Element value;
    int64_t got = 0;
    if (reader_.member(from, place, key, required, value) && reader_.integer(value, at(place, key), min, max, got)) {
      out = static_cast<T>(got);
    }
  }
  void boolean(const Object& from, const std::string& place, std::string_view key, bool& out);
  void text(const Object& from, const std::string& place, std::string_view key, size_t min, size_t max,
            std::string& out, bool required = false);

  [[nodiscard]] static std::string at(const std::string& place, std::string_view key) {
    return place.empty() ? std::string(key) : place + "." + std::string(key);
  }
  [[nodiscard]] static std::string at(const std::string& place, std::string_view key, size_t index) {
    return at(place, key) + "[" + std::to_string(index) + "]";
  }

 private:
  void check_slots(const Shape& shape, const std::string& place);
  DescriptionReader& reader_;
};

}  // namespace tickwire::decode
