// SPDX-License-Identifier: MIT
//
// heaps.hpp - memory that another allocator than libc's maps for itself. Of that
// only the blocks that it gives out are the program's; in the rest it keeps old
// pointers, which would hide leaks.
//
// Owner of the state: this process; a forked child goes on with its copy. Race
// table: all calls may run together, in signal handlers too. Whoever unmaps a range has it from the one who mapped it,
// in whatever thread. If an allocator maps and unmaps the same pages in two threads at a time, nobody knows what is
// there in the end: a note may be lost, so that the range counts as the program's.
#pragma once

#include "tools/preload/next.hpp"

namespace mp::preload {

struct heap_range {
	uintptr_t start, end;
};

/// The allocator has mapped it, or mapped it anew. What finds no room counts as the program's.
void note_heap(void *start, size_t bytes);

/// It is about to be unmapped, by whomever. Was all of it noted?
bool forget_heap(void *start, size_t bytes);

/// In a child that was forked, whose other threads are no more. The lock is not taken around fork(): the
/// allocator unmaps under locks of its own, which it takes itself then.
void free_heaps_in_child();

/// The first that ends behind `at`; all zeroes: there is none.
heap_range heap_behind(uintptr_t at);

} // namespace mp::preload
