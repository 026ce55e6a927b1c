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
	} else if (now.load(std::memory_order_relaxed) <= stage::attaching) {
		note_stray(block);
	}
	return block;
}

/// What note_free() says, or before there are orders, note_stray_free().
__attribute__((always_inline)) inline verdict taken_back(void *block, bool resize, call_site site)
{
	if (is_active()) [[likely]]
		return orders_here.track ? note_free(block, resize, site) : verdict::hand_on;
	return now.load(std::memory_order_relaxed) <= stage::attaching ? note_stray_free(block) : verdict::hand_on;
}

/// May the next allocator have it back? It has not given out what the cradle did, and while
/// the next functions are not known nobody has given out anything else.
__attribute__((always_inline)) inline bool may_go_back(void *block, call_site site)
{
	if (block == nullptr)
		return false;
	if (in_cradle(block) || !can_go_on()) [[unlikely]]
		return false;
	return taken_back(block, false, site) != verdict::refuse;
}

} // namespace mp::preload
