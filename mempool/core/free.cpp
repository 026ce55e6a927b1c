// SPDX-License-Identifier: MIT
//
// free.cpp - one element comes back (PAR-20 to PAR-24). See mempool.h.
//
// Race table: may run in any threads at the same time, beside alloc and resize.
#include "mempool/core/faults.hpp"
#include "mempool/core/home.hpp"
#include "mempool/watch/debug.hpp"

namespace mp::core {
namespace {

/// Refill first: any element will do (PAR-21). False when others filled it meanwhile.
[[gnu::noinline]] bool give_to_reserve(mempool_t &pool, mempool_control &control, void *element)
{
	if (control.arena.has_spare()) [[unlikely]]
		if (give_spare(pool, control, element))
			return true;
	if (watch::debug_on(MEMPOOL_DEBUG_POISON) && !control.reserve.has_room()) [[unlikely]]
		return false; // not poisoned for nothing: the backing may rely on what is in it
	hold_adopted(control, element);
	return give_entry(pool, control, entry_for(control, element));
}

[[gnu::noinline]] void free_ready_made(mempool_t &pool, mempool_control &control, void *element)
{
	if (control.shared_takes_back != nullptr && control.shared_takes_back->give(element))
		return backing::note_other_pool(control.shared_cache, kmem_cache::public_frees);
	// An element of a kmalloc pool may be of another size class: kfree() finds out.
	backing::call_free(control.backing, pool.free, element, pool.pool_data);
}

/// Where it belongs: home, into the reserve, or to the backing.
void give_back(mempool_t &pool, mempool_control &control, void *element)
{
	if (control.arena.owns(element))
		return bring_home(pool, control, element);
	if (control.reserve.wants() && give_to_reserve(pool, control, element))
		return;
	control.counters.add(count_frees);
	if (watch::watching()) [[unlikely]]
		MP_TRACE(backing_free, control.traced, element);
	if (control.backing == backing::backing_kind::users_own)
		return pool.free(element, pool.pool_data);
	free_ready_made(pool, control, element);
}

/// The whole way, for whatever mempool_free() could not do at once.
[[gnu::noinline]] void free_slow(void *element, mempool_t *pool)
{
	if (element == nullptr)
		return;
	mempool_control &control = control_of(pool, "mempool_free");
	const watch::inside_call call(proven(control));
	if (watch::watching_beyond(watch::faults_alone)) [[unlikely]] {
		MP_TRACE(free, control.traced, element);
		if (!note_free(*pool, control, element))
			return;
	}
	element = delay_free(control, element);
	if (element == nullptr)
		return;
	give_back(*pool, control, element);
}

/// To the user's own callback, or into the reserve, on an ordinary day.
[[gnu::noinline]] void free_direct(void *element, mempool_t *pool)
{
	auto &control = *static_cast<mempool_control *>(pool->direct);
	if (control.reserve.store().spread_is_full()) [[likely]] {
		control.counters.add(count_frees);
		return pool->free(element, pool->pool_data);
	}
	// At an odd address it may be a mistake: not by this way.
	if ((reinterpret_cast<uintptr_t>(element) & poisoned_bit) != 0)
		return free_slow(element, pool);
	hold_adopted(control, element);
	if (!give_entry(*pool, control, element))
		free_slow(element, pool);
}
} // namespace

void free_delayed(mempool_t &pool, mempool_control &control)
{
	if (void *element = take_delayed(control))
		give_back(pool, control, element);
}

} // namespace mp::core

using namespace mp;
using namespace mp::core;

extern "C" void mempool_free(void *element, mempool_t *pool)
{
	// Whoever took an element from the reserve, by whatever way it came here:
	// from now on we see the level that the taking left, or a later one. So the
	// unlocked look at it, here or below, cannot miss that the reserve is not
	// full (PAR-22).
	// acquire: pairs with the release fences in the store, ORD-1, and in the arena, ORD-15
	base::fence(std::memory_order_acquire);
	if (element != nullptr && pool != nullptr && !watch::watching_beyond(watch::fault_armed)) [[likely]] {
		if (auto *room = static_cast<backing::sheaves *>(pool->takes_back)) [[likely]] {
			if (!near_home(*pool, element) && pool->control->reserve.store().spread_is_full() &&
			    room->give(element)) [[likely]]
				return;
		} else if (pool->direct != nullptr) {
			return free_direct(element, pool);
		}
	}
	free_slow(element, pool);
}
