// SPDX-License-Identifier: MIT
//
// heap.hpp - what malloc()'s family and operator new have in common: a block is
// given out, a block is taken back.
//
// Owner of the state: blocks.cpp, next.cpp. Race table: all calls may run together.
#pragma once

#include "tools/preload/blocks.hpp"
#include "tools/preload/decide.hpp"

namespace mp::preload {

/// The block as the table wants it; most often there is none.
__attribute__((always_inline)) inline void *given(void *block, size_t bytes)
{
	if (is_active()) [[likely]] {
		if (orders_here.track) [[unlikely]]
			note_block(block, bytes, last_stack);
	} else if (now.load(std::memory_order_relaxed) == stage::early) {
		note_early(block);
	}
	return block;
}

/// May the next allocator have it back? It has not given out what the cradle did, and while
/// the next functions are not known nobody has given out anything else.
__attribute__((always_inline)) inline bool may_go_back(void *block, call_site site)
{
	if (block == nullptr)
		return false;
	if (in_cradle(block) || !can_go_on()) [[unlikely]]
		return false;
	return !is_active() || !orders_here.track || note_free(block, false, site) == verdict::hand_on;
}

} // namespace mp::preload
