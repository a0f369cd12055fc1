// Ids of orders, as rows bring them.
#pragma once
#include "decode/order_id.h"

namespace tickwire::book {

using decode::OrderId;
using decode::read_order_id;

}  // namespace tickwire::book
