// SPDX-License-Identifier: MIT
//
// recall.hpp - stacks that were taken before, so that most need not be unwound
// again, which takes microseconds.
//
// A program allocates in the same places at the same depth of its stack again and
// again. One is the same as before when it returns to the same place, from the
// same stack pointer, and each return address lies where it lay, which is looked
// at from the innermost outwards: as long as they agree so do the frames. Only a
// frame of variable size could deceive it, if it left an old return address where
// the old frame had it.
//
// Owner of the state: this file. Race table: all calls may run together, in signal
// handlers too: who finds an entry in use goes without.
#pragma once

#include "tools/preload/stacks.hpp"

namespace mp::preload {

/// Where an interposed function was called: what it returns to, and the end of its frame.
struct call_site {
	uintptr_t pc, frame;
};

/// In an interposed function, into which this is inlined.
__attribute__((always_inline)) inline call_site this_site()
{
	return {reinterpret_cast<uintptr_t>(__builtin_return_address(0)),
		reinterpret_cast<uintptr_t>(__builtin_dwarf_cfa())};
}

/// True: `raw` and `described` are as they were when this site had the same stack.
bool recall_stack(call_site site, raw_stack &raw, stack_trace &described);

/// Keeps it for then.
void remember_stack(call_site site, const raw_stack &raw, const stack_trace &described);

} // namespace mp::preload
