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

/// The look that every allocation takes that might sleep, from the slow path
/// that watch_word opens. `name` is the pool's or the cache's.
void check_may_alloc(gfp_t gfp_mask, const char *what, const char *name);

/// Reports bits without a name, once a process, and takes them away.
gfp_t drop_unknown_bits(gfp_t gfp_mask, const char *name);

/// The mask of a call: known bits only.
inline gfp_t known_mask(gfp_t gfp_mask, const char *name)
{
	return (gfp_mask & ~__GFP_BITS_MASK) == 0 ? gfp_mask : drop_unknown_bits(gfp_mask, name);
}

/// For one that is about to sleep: does it so in a signal handler? The walk
/// over the stack that this takes is too long for each allocation, so those
/// look only with the debug option "sleep".
void check_may_sleep(const char *what, const char *name);

/// From the next call on that may sleep and is in no signal handler: `begin` is called once.
void publish_when_due(void (*begin)());

} // namespace mp::watch
