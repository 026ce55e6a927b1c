// SPDX-License-Identifier: MIT
//
// context.hpp - what this thread may do now: sleep, start input or output,
// call into a file system (PAR-15, PAR-34).
//
// Owner of the state: each thread, in two words of its own. No locks, no races.
#pragma once

#include "mempool/watch/debug.hpp"

#include "mempool/gfp.h"

namespace mp::watch {

/// Reports when this thread must not sleep. Looking for a signal handler walks
/// the stack, which only a thread that really goes to sleep has time for.
void check_may_sleep(const char *what, const char *pool_name, bool look_for_handler);

/// The cheap look that every sleeping allocation takes, from the slow path that
/// watch_word opens.
inline void check_may_alloc(gfp_t gfp_mask, const char *what, const char *pool_name)
{
	if (gfpflags_allow_blocking(gfp_mask))
		check_may_sleep(what, pool_name, debug_on(MEMPOOL_DEBUG_SLEEP));
}

} // namespace mp::watch
