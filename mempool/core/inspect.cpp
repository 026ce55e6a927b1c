// SPDX-License-Identifier: MIT
//
// inspect.cpp - what a pool is and has done, and which pools there are. See
// mempool.h (PAR-7) and mempool-stats.h.
//
// Race table: everything here only reads, and may run beside all but exit;
// mempool_for_each() even beside that (RCU).
#include "mempool/core/control.hpp"
#include "mempool/mempool-stats.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

using namespace mp;
using namespace mp::core;

extern "C" int mempool_curr_nr(const mempool_t *pool)
{
	return mempool_initialized(pool) ? pool->control->reserve.store().level() : 0;
}

extern "C" bool mempool_is_saturated(const mempool_t *pool)
{
	return mempool_curr_nr(pool) >= min_nr_of(*pool);
}

extern "C" const char *mempool_name(const mempool_t *pool)
{
	return mempool_initialized(pool) ? pool->control->name : "(uninitialized)";
}

extern "C" int mempool_stats(const mempool_t *pool, struct mempool_statistics *stats)
{
	const size_t wanted_bytes = stats->size;
	if (!mempool_initialized(pool) || wanted_bytes < sizeof(stats->size))
		return -EINVAL;

	const mempool_control &control = *pool->control;
	const auto sum = [&control](field f) { return control.counters.sum(f); };
	struct mempool_statistics now = {};
	now.size = std::min(wanted_bytes, sizeof(now));
	now.min_nr = min_nr_of(*pool);
	now.curr_nr = control.reserve.store().level();
	now.lowest_nr = control.reserve.store().lowest();
	now.waiters = control.reserve.waiting();
	// What came back before what went out: no more may seem to come back.
	// And of each difference the lesser part first, or it might wrap.
	const uint64_t filled = sum(count_filled);
	const uint64_t withdrawn = sum(count_withdrawn);
	now.to_reserve = control.reserve.store().given() - filled;
	now.frees = sum(count_frees) + control.sole.frees() + now.to_reserve;
	now.from_reserve = control.reserve.store().taken() - withdrawn;
	now.allocs = sum(count_allocs) + control.sole.allocs() + now.from_reserve;
	now.backing_failures = sum(count_backing_failures);
	now.failures = sum(count_failures);
	now.sleeps = sum(count_sleeps);
	now.wakes = sum(count_wakes);
	now.timeouts = sum(count_timeouts);
	now.wait_total_ns = sum(count_wait_ns);
	now.wait_longest_ns = control.wait_longest_ns.load(std::memory_order_relaxed);
	memcpy(stats, &now, now.size);
	return 0;
}

extern "C" int mempool_for_each(int (*visit)(mempool_t *pool, void *arg), void *arg)
{
	struct caller {
		int (*visit)(mempool_t *, void *);
		void *arg;
	} to = {visit, arg};
	return watch::registry_walk(
		watch::registry_kind::pool,
		[](void *object, void *call) {
			const auto *c = static_cast<caller *>(call);
			return c->visit(static_cast<mempool_t *>(object), c->arg);
		},
		&to);
}

extern "C" void mempool_debug_thread_owned(mempool_t *pool)
{
	mempool_control &control = control_of(pool, "mempool_debug_thread_owned");
	if (control.proves)
		control.contended.thread_owned.store(true);
}
