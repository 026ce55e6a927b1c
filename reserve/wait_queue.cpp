// SPDX-License-Identifier: MIT
//
// wait_queue.cpp - the queue that the library uses. See wait_queue.hpp.
#include "reserve/wait_queue_parts.hpp"

namespace mp::reserve {

template class basic_wait_queue<native_atomics>;

} // namespace mp::reserve
