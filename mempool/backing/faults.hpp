// SPDX-License-Identifier: MIT
//
// faults.hpp - the fault point of caches, failslab (PAR-38).
//
// No state of its own. Context: any, signal handlers too.
#pragma once

#include "mempool/backing/cache.hpp"
#include "mempool/watch/context.hpp"
#include "mempool/watch/fault_point.hpp"

#include <cerrno>

namespace mp::backing {

/// What a cache looks at while anything is watched. False: it fails, by failslab,
/// which a bulk asks once, by the size of one object, as in the kernel.
[[gnu::noinline]] inline bool watched_may_alloc(kmem_cache &cache, gfp_t gfp_mask, const char *caller)
{
	if (watch::watching_beyond(watch::faults_alone)) [[unlikely]]
		watch::check_may_alloc(gfp_mask, caller, cache.name);
	if (!watch::fault_hits(watch::fault_point::slab, {cache.name, &cache.faults}, cache.layout.object_bytes,
			       gfp_mask, (cache.flags & SLAB_FAILSLAB) != 0))
		return true;
	cache.counters.add(kmem_cache::failures);
	errno = ENOMEM;
	return false;
}

} // namespace mp::backing
