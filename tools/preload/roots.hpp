// SPDX-License-Identifier: MIT
//
// roots.hpp - this process's memory, word by word: where a look for pointers
// begins. Memory that another thread unmaps meanwhile is passed over.
//
// Owner of the state: the caller. Race table: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mp::preload {

struct memory_range {
	uintptr_t start, end;
	bool heap; // what brk(2) made, and maybe a program's data before it
};

/// How deep the stack of the thread that exits was when it did: below it lie pointers of calls that are over.
inline constinit uintptr_t live_stack = 0;

/// Shows the program's writable memory, without this library's own and what of this thread's stack is not live.
void each_root(void (*visit)(const memory_range &range, void *arg), void *arg);

/// Shows the aligned words between `start` and `end`. `buffer` has scan_buffer_bytes.
constexpr size_t scan_buffer_bytes = size_t{64} << 10;
void each_word(void *buffer, uintptr_t start, uintptr_t end, void (*visit)(uintptr_t word, void *arg), void *arg);

} // namespace mp::preload
