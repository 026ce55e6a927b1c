// SPDX-License-Identifier: MIT
//
// fault_point.hpp - the library's own fault points (PAR-38, and some that the
// kernel lacks), as the code sees them that is to fail.
//
//   if (watch::fault_hits(fault_point::mempool_alloc, control.name, bytes, mask)) -> as if it had failed
//
// Nothing is paid while no point is armed: the bit in watch_word is looked at
// first, where everybody looks for other reasons.
//
// Owner of the state: the table (fault_table.hpp); the thread's part, each thread.
// Race table: all calls may run together. Context: any, signal handlers too.
#pragma once

#include "mempool/gfp.h"
#include "mempool/watch/debug.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace mp::watch {

/// In the order of the table's first slots.
enum class fault_point : unsigned {
	slab,               // failslab: size in bytes
	page_alloc,         // fail_page_alloc: size in pages
	mempool_alloc,      // fail_mempool_alloc: in each pass; a hit sends the caller to the reserve
	mempool_alloc_bulk, // fail_mempool_alloc_bulk: once a call
	mempool_resize,     // fail_mempool_resize: resize's bookkeeping
	mempool_create,     // fail_mempool_create
	kmem_cache_create,  // fail_kmem_cache_create
	mempool_free_delay, // delay_mempool_free: a freed element comes home later
	mempool_drain,      // drain_mempool_reserve: the reserve counts as empty
	count
};

/// Points on the way of ordinary allocations and frees. These alone set the bit
/// in watch_word, so that no other point that is armed costs those calls anything.
inline constexpr uint32_t everyday_points = 1U << static_cast<unsigned>(fault_point::slab) |
					    1U << static_cast<unsigned>(fault_point::page_alloc) |
					    1U << static_cast<unsigned>(fault_point::mempool_alloc) |
					    1U << static_cast<unsigned>(fault_point::mempool_free_delay) |
					    1U << static_cast<unsigned>(fault_point::mempool_drain);

/// May this fail? Else fault_hits() need not be asked, which alone decides for the others.
inline bool faults_armed(fault_point point)
{
	return (everyday_points >> static_cast<unsigned>(point) & 1) == 0 || debug_on(fault_armed);
}

/// Bit n: the n-th point may fail, for all or for one; all bits while a thread's
/// nth is set, or others may set points unseen. Written by fault_table_changed().
extern constinit std::atomic<uint32_t> armed_points [[gnu::visibility("hidden")]];

[[gnu::noinline]] bool ask_fault(fault_point point, const char *name, size_t size, gfp_t mask, bool cache_marked);

/// Does it fail? Asks the thread's nth, then the point, then the one that is
/// meant for this pool or cache (point@name). `mask` is looked at where the kernel does so.
inline bool fault_hits(fault_point point, const char *name, size_t size, gfp_t mask, bool cache_marked = false)
{
	if ((armed_points.load(std::memory_order_relaxed) >> static_cast<unsigned>(point) & 1) == 0) [[likely]]
		return false;
	return ask_fault(point, name, size, mask, cache_marked);
}

} // namespace mp::watch
