// SPDX-License-Identifier: MIT
//
// faults.hpp - the fault points of a pool: those of the kernel (PAR-38), and
// what only a pool of ours can be made to do.
//
// Owner of the state: the pool; `delayed` holds an element that is on its way
// into the reserve. Race table: all calls may run together.
#pragma once

#include "mempool/core/element.hpp"
#include "mempool/watch/fault_point.hpp"

namespace mp::core {

/// Shall this fail here? As in the kernel, an allocation has the size 1.
inline bool fault_at(watch::fault_point point, mempool_control &control, gfp_t gfp_mask = GFP_KERNEL)
{
	return watch::fault_hits(point, {control.name, &control.faults}, 1, gfp_mask);
}

/// The backing, in one pass of an allocation (PAR-10), unless fail_mempool_alloc hits.
inline void *ask_backing_in_pass(const mempool_t &pool, mempool_control &control, gfp_t gfp_mask)
{
	if (fault_at(watch::fault_point::mempool_alloc, control, gfp_mask)) [[unlikely]]
		return nullptr;
	return alloc_from_backing(pool, control, gfp_mask);
}

/// An entry from the reserve, unless drain_mempool_reserve hits; once a call, as
/// who sleeps for what is there would not sleep.
inline void *take_entry_once(mempool_t &pool, mempool_control &control)
{
	if (fault_at(watch::fault_point::mempool_drain, control)) [[unlikely]]
		return nullptr;
	return take_entry(pool, control);
}

/// delay_mempool_free: keeps an element, and gives the one that was kept before
/// in its place, which may be none. Without a hit, the same element.
inline void *delay_free(mempool_control &control, void *element)
{
	if (!fault_at(watch::fault_point::mempool_free_delay, control)) [[likely]]
		return element;
	// acq_rel: what its user wrote is seen by who gets it after the delay, ORD-41
	return control.delayed.exchange(element, std::memory_order_acq_rel);
}

/// The element that is still on its way; nullptr when there is none.
inline void *take_delayed(mempool_control &control)
{
	if (control.delayed.load(std::memory_order_relaxed) == nullptr) [[likely]]
		return nullptr;
	// acquire: pairs with delay_free(), ORD-41
	return control.delayed.exchange(nullptr, std::memory_order_acquire);
}

/// Frees the element that is still on its way, if there is one.
void free_delayed(mempool_t &pool, mempool_control &control);

} // namespace mp::core
