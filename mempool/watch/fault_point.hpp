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

struct fault_table;

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

/// Points on the way of ordinary allocations, and of frees. These alone set a bit
/// in watch_word, so that no other point that is armed costs those calls anything.
inline constexpr uint32_t alloc_points = 1U << static_cast<unsigned>(fault_point::slab) |
					 1U << static_cast<unsigned>(fault_point::page_alloc) |
					 1U << static_cast<unsigned>(fault_point::mempool_alloc) |
					 1U << static_cast<unsigned>(fault_point::mempool_drain);
inline constexpr uint32_t free_points = 1U << static_cast<unsigned>(fault_point::mempool_free_delay);

/// In watch_word: nothing else is watched than that these may fail.
inline constexpr unsigned faults_alone = fault_armed | delay_armed;

/// Bit n: the n-th point may fail, for all or for one; all bits while a thread's
/// nth is set, or others may set points unseen. Written by fault_table_changed().
extern constinit std::atomic<uint32_t> armed_points [[gnu::visibility("hidden")]];

/// Can it hit anybody? Else nothing need be asked.
inline bool may_fail(fault_point point)
{
	return (armed_points.load(std::memory_order_relaxed) >> static_cast<unsigned>(point) & 1) != 0;
}

/// Which points are set for one pool or cache alone (point@name), so that its
/// calls need not compare names: they are looked up anew after each setting.
class fault_mark {
      public:
	/// Is this one? `name` is always the same.
	bool has(fault_point point, const fault_table &table, const char *name);

      private:
	uint64_t look_up(const fault_table &table, uint32_t changes, const char *name);

	std::atomic<uint64_t> known_{0}; // points, a bit each, above the table's changes that they are as of
};

/// Who asks.
struct fault_asker {
	const char *name; // of the pool or cache; nullptr: none
	fault_mark *mark; // its; nullptr: it has none yet
};

[[gnu::noinline]] bool ask_fault(fault_point point, fault_asker who, size_t size, gfp_t mask, bool cache_marked);

/// Does it fail? Asks the thread's nth, then the point, then the one that is
/// meant for this pool or cache (point@name). `mask` is looked at where the kernel does so.
inline bool fault_hits(fault_point point, fault_asker who, size_t size, gfp_t mask, bool cache_marked = false)
{
	if (!may_fail(point)) [[likely]]
		return false;
	return ask_fault(point, who, size, mask, cache_marked);
}

} // namespace mp::watch
