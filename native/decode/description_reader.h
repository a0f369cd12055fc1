// Reads a schema description member by member and remembers the first thing that is wrong, with its place.
#pragma once
#include <simdjson.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace tickwire::decode {

class DescriptionReader {
 public:
  using Element = simdjson::dom::element;

  [[nodiscard]] bool ok() const noexcept { return error_.empty(); }
  [[nodiscard]] const std::string& error() const noexcept { return error_; }
  void fail(std::string_view place, std::string_view what);

  // The value as an object with no members but `known`, none of them twice.
  [[nodiscard]] bool object(const Element& value, std::string_view place, std::initializer_list<std::string_view> known,
                            simdjson::dom::object& out);
  [[nodiscard]] bool array(const Element& value, std::string_view place, size_t min, size_t max,
                           simdjson::dom::array& out);
  [[nodiscard]] bool text(const Element& value, std::string_view place, size_t min, size_t max, std::string& out);
  [[nodiscard]] bool integer(const Element& value, std::string_view place, int64_t min, int64_t max, int64_t& out);
  [[nodiscard]] bool boolean(const Element& value, std::string_view place, bool& out);
  // The index of the value's text in `names`.
  [[nodiscard]] bool choice(const Element& value, std::string_view place, std::initializer_list<std::string_view> names,
                            size_t& out);

  // A member; false when it is not there, which is an error only if required.
  [[nodiscard]] bool member(const simdjson::dom::object& object, const std::string& place, std::string_view key,
                            bool required, Element& out);

 private:
  std::string error_;
};

}  // namespace tickwire::decode
