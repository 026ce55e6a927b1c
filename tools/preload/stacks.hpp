// SPDX-License-Identifier: MIT
//
// stacks.hpp - who called: as places, which are the same in each run; their hash;
// and the table of those that have been seen.
//
// Takes no lock and allocates nothing: glibc's _dl_find_object() tells which
// module an address is in, and so it does for libgcc's unwinder.
// Owner of the state: the shared page (the modules' names, the table), and a
// cache here. Race table: all calls may run together, in signal handlers too.
#pragma once

#include "tools/preload/protocol.hpp"

namespace mp::preload {

/// A stack as addresses, innermost first, without frames of this library.
struct raw_stack {
	uint32_t depth;
	uint32_t truncated;
	uintptr_t pc[max_frames]; // within the call instruction
	// Where each return address lies, if that is right below its caller's frame for all of them.
	bool steady;
	uintptr_t at[max_frames];
};

/// What is known here of a module in memory.
struct known_module {
	const void *link_map;
	uintptr_t start, bias;
	uint64_t hash;  // of the last part of its path
	uint32_t index; // in the page
	char path[sizeof(module_record::path)];
	// caller_filter: which filters mean something in it; made when they are first asked (filters.cpp).
	std::atomic<const struct filter_marks *> marks;
};

/// The caller's stack. In a handler with `from_signal`: that of what the signal interrupted.
void take_stack(raw_stack &into, bool from_signal = false);

/// The module of an address; nullptr: in none.
known_module *module_at(uintptr_t pc);

/// As places, with its hash over the first `hashed` frames; never 0.
void describe(const raw_stack &from, uint32_t hashed, stack_trace &into);

struct sighting {
	call_kind call; // count: a free
	uint64_t n;
	uint64_t size;
};

/// Notes the stack; index + 1 in the table, 0 when it found no room.
uint32_t note_stack(const stack_trace &seen, const sighting &of);

} // namespace mp::preload
