// SPDX-License-Identifier: MIT
//
// control.hpp - what the library keeps for a pool, in one pinned block:
// mempool_t holds the fields that users read, this holds the rest.
//
// Owner of the state: the pool. Race table:
//   alloc, free, bulk / the same    the reserve's own; counters are atomic
//   resize / alloc, free            the store's own
//   resize / resize                 resize_lock
//   init, exit / anything           the caller's mistake (PAR-28)
#pragma once

#include "mempool/backing/cache.hpp"
#include "mempool/backing/ready_made.hpp"
#include "mempool/core/pressure.hpp"
#include "mempool/mempool-certificate.h"
#include "mempool/mempool.h"
#include "mempool/watch/deadlock.hpp"
#include "mempool/watch/registry.hpp"
#include "mempool/watch/trace.hpp"
#include "mempool/watch/tracker.hpp"
#include "reserve/base/counters.hpp"

#include "reserve/base/report.hpp"
#include "reserve/either_store.hpp"
#include "reserve/element_arena.hpp"
#include "reserve/element_reserve.hpp"

namespace mp::core {

using pool_reserve = reserve::element_reserve<reserve::either_store>;

/// What is counted, each in every CPU's stripe.
enum field : unsigned {
	count_allocs,    // from the backing: the store counts what it gives
	count_frees,     // to the backing
	count_filled,    // into the reserve otherwise than by a free
	count_withdrawn, // out of it otherwise than by an allocation
	count_backing_failures,
	count_failures,
	count_sleeps,
	count_wakes,
	count_timeouts,
	count_wait_ns,
	field_count
};

} // namespace mp::core

struct mempool_control {
	using counters_t = mp::base::striped_counters<mp::core::field_count>;

	mp::core::pool_reserve reserve;
	mp::core::pressure watchers;
	// What mempool_t has in `ready` and `takes_back` where the pool has its cache
	// to itself, for one that shares it, and so counts what it takes and gives.
	mp::backing::sheaves *shared_ready;
	mp::backing::sheaves *shared_takes_back;
	kmem_cache *shared_cache; // of a slab pool
	mp::backing::sole_pool_figures sole;
	counters_t counters;

	// What reserved elements are made of, where the pool may choose.
	mp::reserve::element_arena arena;
	uintptr_t entry_bits; // of an entry, that may say something of its element

	size_t element_bytes; // 0: unknown, so not to be poisoned
	mp::backing::backing_kind backing;
	bool tracks; // the tracker below is in use
	mp::watch::tracker tracker;
	bool proves;                         // the debug option "deadlock" was on: what follows is in use
	mp::watch::contended_pool contended; // as the search for deadlocks sees the pool
	std::atomic<uint64_t> wait_longest_ns;
	std::atomic<void *> delayed;    // an element that a fault holds back from the reserve (faults.hpp)
	std::atomic<bool> has_deferred; // elements by mempool_free_rcu(), which exit must wait for

	mp::base::adaptive_lock resize_lock;

	uint64_t minor_faults_before; // of the process, when the pool was made
	uint64_t major_faults_before;
	char cgroup[sizeof(mempool_cert::cgroup)]; // for memory, that the pool was made in
	size_t home_counted_bytes;                 // of the arena, that the headroom knows of
	unsigned residency;                        // as asked for, the default resolved
	unsigned at_fork;
	mp::reserve::resident_range host_page; // that an embedded mempool_t lies in
	std::atomic<int> in_place_error;       // why elements of the user's own backing are not locked
	std::atomic<bool> refill;              // a child's reserve, before its first use
	void *kept_ways[2];                    // ready and takes_back until then

	mp::watch::registry_entry registered;
	mp::trace::subject traced; // as events name the pool
	mp::watch::fault_mark faults;
	size_t block_bytes;
	char name[MEMPOOL_NAME_MAX];
};

namespace mp::core {

/// What mempool_t's origin says of a pool that mempool_create() made; an embedded one is zeroed.
inline constexpr unsigned made_by_create = 1;

/// A child's first use of a pool whose memory was wiped.
void refill_in_child(mempool_t &pool, mempool_control &control);

/// The pool's control; a pool that is not initialised ends the process.
inline mempool_control &control_of(mempool_t *pool, const char *caller)
{
	if (pool == nullptr || pool->control == nullptr) [[unlikely]]
		base::fatal("%s: pool %p is not initialised", caller, static_cast<const void *>(pool));
	if (pool->control->refill.load(std::memory_order_relaxed)) [[unlikely]]
		refill_in_child(*pool, *pool->control);
	return *pool->control;
}

/// The reserve's target for a min_nr (INV-2, PAR-4).
constexpr int target_for(int min_nr)
{
	return min_nr > 1 ? min_nr : 1;
}

/// min_nr changes under resize while anybody may read it.
inline int min_nr_of(const mempool_t &pool)
{
	return std::atomic_ref(const_cast<int &>(pool.min_nr)).load(std::memory_order_relaxed);
}
inline void set_min_nr(mempool_t &pool, int min_nr)
{
	std::atomic_ref(pool.min_nr).store(min_nr, std::memory_order_relaxed);
}

inline void *alloc_from_backing(const mempool_t &pool, const mempool_control &control, gfp_t gfp_mask)
{
	return backing::call_alloc(control.backing, pool.alloc, gfp_mask, pool.pool_data);
}
inline void free_to_backing(const mempool_t &pool, const mempool_control &control, void *element)
{
	MP_TRACE(backing_free, control.traced, element);
	backing::call_free(control.backing, pool.free, element, pool.pool_data);
}

} // namespace mp::core
