// The part of a shape's description that says what its rows are to an order book.
#pragma once
#include <string>

#include "decode/description_reader.h"
#include "decode/schema.h"

namespace tickwire::decode {

// Reads `value` into `shape.book`. The shape's fields are complete. Faults go to `reader`.
void read_book_role(DescriptionReader& reader, const DescriptionReader::Element& value, const std::string& place,
                    Shape& shape);

}  // namespace tickwire::decode
