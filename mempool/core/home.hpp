// SPDX-License-Identifier: MIT
//
// home.hpp - reserved elements that are made of the pool's own memory (the
// arena): they always come home. One for which there is no place, as the reserve
// became smaller, is spare, which is to say that the backing has it. While one is out, the reserve may have taken
// in a guest, an element that the backing made (PAR-21); when it comes home and
// the reserve is full, a guest gives way and goes to the backing. So an element
// of the arena is never the backing's, and a reserve that is full and has no
// guests has all of its own (INV-7).
//
// Owner of the state: the pool. Race table: bring_home, settle_spares: lock-free,
// beside everything; the others with the owner's resize lock, or alone.
#pragma once

#include "mempool/core/control.hpp"

namespace mp::core {

/// May an element be the arena's? By two loads; of others some seem to be.
inline bool near_home(mempool_t &pool, const void *element)
{
	// acquire: pairs with the release in make_home(), ORD-15; the start first.
	const uintptr_t start = std::atomic_ref(pool.home_start).load(std::memory_order_acquire);
	return reinterpret_cast<uintptr_t>(element) - start <
	       std::atomic_ref(pool.home_bytes).load(std::memory_order_relaxed);
}

/// Takes an element of the arena back, whatever it takes.
void bring_home(mempool_t &pool, mempool_control &control, void *element);

/// The reserve has room: puts a spare one there instead of an element that was
/// freed, which goes to the backing. False when it cannot.
bool give_spare(mempool_t &pool, mempool_control &control, void *element);

/// Elements that are spare go into the reserve while it has room.
void settle_spares(mempool_t &pool, mempool_control &control);

/// Sees to it that the arena has so many elements, all that are new being spare.
/// 0 or -errno; with residency required also when they cannot be locked.
int make_home(mempool_t &pool, mempool_control &control, int elements);

/// An entry that left the reserve for good: to the arena, or to the backing.
void dismiss(mempool_t &pool, mempool_control &control, void *entry);

/// Are elements of the user's own backing to be resident where they lie?
inline bool in_place(const mempool_control &control)
{
	return !control.arena.used() && control.element_bytes != 0 &&
	       (control.residency == MEMPOOL_RESIDENCY_BEST_EFFORT || control.residency == MEMPOOL_RESIDENCY_REQUIRED);
}
/// Makes one so, if they are.
void hold_in_place(mempool_control &control, void *element);
/// The same of one that is about to enter the reserve, in an emergency perhaps.
void hold_adopted(const mempool_control &control, void *element);
/// Sees to it that one is not merged; false when it may be.
bool keep_unmerged_in_place(const mempool_control &control, const void *element);

/// Why the pool is not resident although that is required, as -errno; 0: it is.
int missing_residency(const mempool_t &pool, const mempool_control &control);

void report_missing_residency(const mempool_t &pool, const mempool_control &control, int error);

/// After a fork, in the parent: what residency.hpp does not know of.
void renew_after_fork(mempool_control &control);
/// In the child, alone; the store has been thawed.
void leave_parents_home(mempool_t &pool, mempool_control &control);

} // namespace mp::core
