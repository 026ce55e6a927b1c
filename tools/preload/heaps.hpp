// SPDX-License-Identifier: MIT
//
// heaps.hpp - memory that another allocator than libc's maps for itself. Of that
// only the blocks that it gives out are the program's; in the rest it keeps old
// pointers, which would hide leaks.
//
// Owner of the state: this process. Race table: all calls may run together; one
// range is mapped and unmapped by one thread.
#pragma once

#include "tools/preload/next.hpp"

namespace mp::preload {

struct heap_range {
	uintptr_t start, end;
};

/// The allocator has mapped it. What finds no room counts as the program's.
void note_heap(void *start, size_t bytes);

/// It was unmapped, by whomever.
void forget_heap(void *start, size_t bytes);

/// The first that ends behind `at`; all zeroes: there is none.
heap_range heap_behind(uintptr_t at);

} // namespace mp::preload
