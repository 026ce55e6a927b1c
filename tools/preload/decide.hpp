// SPDX-License-Identifier: MIT
//
// decide.hpp - does this allocation of the program's fail?
//
// Owner of the state: the process's record in the shared page, and each thread.
// Race table: all calls may run together, in signal handlers and forked children
// too; each candidate has a number of its own, and one of them triggers.
#pragma once

#include "tools/preload/next.hpp"
#include "tools/preload/recall.hpp"

namespace mp::preload {

/// The whole of it: filters, stacks, triggers, records. Out of line.
bool decide(call_kind call, size_t size, call_site site);

/// The same for one that has its number already, and needs no filter.
bool decide_counted(call_kind call, size_t size, call_site site, uint64_t n);

/// The stack that decide() noted last for this thread, for the table of live blocks; index + 1.
inline constinit thread_local uint32_t last_stack = 0;

/// Does it fail, when called from there? Where nothing but a count is asked for, this is one addition.
__attribute__((always_inline)) inline bool fails(call_kind call, size_t size, call_site site)
{
	if (!is_active() || mine.busy)
		return false;
	if (!orders_here.plain || (orders_here.orders->calls & bit(call)) == 0)
		return decide(call, size, site);
	const uint64_t n = self->candidates.fetch_add(1, std::memory_order_relaxed) + 1;
	if (n < orders_here.plain_from) [[likely]]
		return false;
	return decide_counted(call, size, site, n);
}

/// The same in the interposed function itself.
__attribute__((always_inline)) inline bool fails(call_kind call, size_t size)
{
	return fails(call, size, this_site());
}

// filters.cpp

/// Do the callers fit the filters? Looks at the first filter_depth frames.
bool callers_fit(const raw_stack &callers);
bool thread_fits();
bool executable_fits(std::string_view path);

} // namespace mp::preload
