// SPDX-License-Identifier: MIT
//
// spread_store.cpp - the store that the library uses. See spread_store.hpp.
#include "reserve/spread_store_parts.hpp"

namespace mp::reserve {

template class basic_spread_store<native_atomics>;

} // namespace mp::reserve
