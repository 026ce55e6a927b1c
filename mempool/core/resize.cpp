// SPDX-License-Identifier: MIT
//
// resize.cpp - another min_nr for a pool at work (PAR-26 to PAR-28). See mempool.h.
//
// Race table: alloc, free and bulk go on meanwhile; the store and the retry of
// each step settle who gets what. Resizes follow one another, by
// resize_lock, which is held while the backing is asked and may be held long.
#include "mempool/core/faults.hpp"
#include "mempool/core/home.hpp"
#include "mempool/watch/context.hpp"

#include "reserve/base/fence.hpp"
#include "reserve/base/report.hpp"
#include "reserve/pinned.hpp"

#include <cerrno>
#include <mutex>

namespace mp::core {
namespace {

void shrink(mempool_t &pool, mempool_control &control, int new_min_nr)
{
	while (void *entry = control.reserve.store().take_above(new_min_nr)) {
		control.counters.add(count_withdrawn);
		dismiss(pool, control, entry);
	}
	set_min_nr(pool, new_min_nr); // INV-2
}

/// Room for more entries, and memory that they may be made of. 0 or -errno, and nothing changed.
int raise_target(mempool_t &pool, mempool_control &control, int new_min_nr)
{
	if (fault_at(watch::fault_point::mempool_resize, control))
		return -ENOMEM;
	reserve::memory_block more;
	more.bytes = control.reserve.store().bytes_to_grow(new_min_nr);
	if (more.bytes > 0) {
		more.start = reserve::pinned_alloc(more.bytes);
		if (more.start == nullptr)
			return -ENOMEM;
	}
	const int error = make_home(pool, control, new_min_nr);
	if (error != 0 && control.residency == MEMPOOL_RESIDENCY_REQUIRED) {
		reserve::pinned_free(more.start, more.bytes);
		return error;
	}
	const reserve::memory_block old = control.reserve.store().grow(more, new_min_nr);
	set_min_nr(pool, new_min_nr); // INV-2
	reserve::pinned_free(old.start, old.bytes);
	return 0;
}

/// Asks the backing until the reserve is full, or the backing is empty: later
/// frees then fill the rest (PAR-27).
void top_up(mempool_t &pool, mempool_control &control)
{
	// seq_cst: pairs with the fence in bring_home(), which looked at the old target, ORD-16
	base::fence(std::memory_order_seq_cst);
	settle_spares(pool, control);
	while (control.reserve.has_room()) {
		void *element = alloc_from_backing(pool, control, GFP_KERNEL);
		if (element == nullptr)
			break;
		hold_in_place(control, element);
		if (!give_entry(pool, control, entry_for(control, element))) {
			// frees were faster; or it is not a pointer that a store can hold
			free_to_backing(pool, control, element);
			break;
		}
		control.counters.add(count_filled);
		MP_TRACE(reserve_fill, control.traced, control.reserve.store().level(), 1);
	}
}

} // namespace
} // namespace mp::core

using namespace mp;
using namespace mp::core;

extern "C" int mempool_resize(mempool_t *pool, int new_min_nr)
{
	mempool_control &control = control_of(pool, "mempool_resize");
	if (new_min_nr <= 0 || new_min_nr > MEMPOOL_NR_MAX) {
		base::report(base::severity::bug)
			.line("mempool_resize to %d: min_nr must be 1 to MEMPOOL_NR_MAX", new_min_nr)
			.line("pool '%s' %p", control.name, static_cast<void *>(pool))
			.emit();
		return -EINVAL;
	}
	if (watch::watching()) [[unlikely]]
		watch::check_may_alloc(GFP_KERNEL, "mempool_resize", control.name);

	const std::lock_guard guard(control.resize_lock);
	const int old_min_nr = min_nr_of(*pool);
	if (new_min_nr <= min_nr_of(*pool)) {
		shrink(*pool, control, new_min_nr);
		control.watchers.note_given(*pool); // it may be full now
		MP_TRACE(resize, control.traced, old_min_nr, new_min_nr, control.reserve.store().level());
		return 0;
	}
	const int error = raise_target(*pool, control, new_min_nr);
	if (error != 0)
		return error;
	control.watchers.note_taken(*pool); // it may be full no longer
	top_up(*pool, control);
	MP_TRACE(resize, control.traced, old_min_nr, new_min_nr, control.reserve.store().level());
	return 0;
}
