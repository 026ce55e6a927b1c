// SPDX-License-Identifier: MIT
//
// element.hpp - what happens to an element at the reserve's door: poison on
// the way in, the check on the way out (PAR-30), and who has it (tracker).
//
// An entry of the store is the element's address; bit 0 says that the element
// was poisoned when it went in. So the debug option may change at any time,
// and only what was poisoned is checked. Elements of a known size are aligned
// to two bytes at least, which leaves the bit free; others are never marked.
// Where the pool has memory of its own for the reserve, bit 1 says that the
// element is a guest, one that the backing made.
#pragma once

#include "mempool/core/control.hpp"
#include "mempool/watch/debug.hpp"

#include <cstdint>

namespace mp::core {

inline constexpr uintptr_t poisoned_bit = 1;

inline bool is_poisoned(const void *entry)
{
	return (reinterpret_cast<uintptr_t>(entry) & poisoned_bit) != 0;
}

void *marked_entry_for(const mempool_control &control, void *element);
void *checked_element_of(const mempool_t &pool, const mempool_control &control, void *entry);

/// The entry for an element that goes into the reserve.
inline void *entry_for(const mempool_control &control, void *element)
{
	const bool look = control.element_bytes != 0 && (is_poisoned(element) || watch::debug_on(MEMPOOL_DEBUG_POISON));
	const bool guest = control.arena.used() && !control.arena.owns(element);
	return look || guest ? marked_entry_for(control, element) : element;
}

/// The element of an entry that left the reserve. Reports a poisoned element that was written to.
inline void *element_of(const mempool_t &pool, const mempool_control &control, void *entry)
{
	const bool look = (reinterpret_cast<uintptr_t>(entry) & control.entry_bits) != 0;
	return look ? checked_element_of(pool, control, entry) : entry;
}

/// The address in an entry, unchecked.
inline const void *bare(const mempool_control &control, const void *entry)
{
	return static_cast<const char *>(entry) - (reinterpret_cast<uintptr_t>(entry) & control.entry_bits);
}

/// Did the backing make it, while the pool has memory of its own?
inline bool is_guest(const mempool_control &control, const void *entry)
{
	return (reinterpret_cast<uintptr_t>(entry) & control.entry_bits & reserve::guest_bit) != 0;
}

/// An entry from the reserve; nullptr when that is empty.
inline void *take_entry(mempool_t &pool, mempool_control &control)
{
	void *entry = control.reserve.store().take();
	if (entry != nullptr) {
		control.watchers.note_taken(pool);
		MP_TRACE(reserve_take, control.traced, bare(control, entry), control.reserve.store().level(), 1);
	}
	return entry;
}

/// For an allocation that is about to fail: with an eventfd somebody will wait
/// for the next element, which may have come since the reserve was found empty.
inline void *take_last_entry(mempool_t &pool, mempool_control &control)
{
	if (!control.watchers.has_eventfd()) [[likely]]
		return nullptr;
	control.watchers.want();
	return take_entry(pool, control);
}

/// An entry goes into the reserve; false when that is full.
inline bool give_entry(mempool_t &pool, mempool_control &control, void *entry)
{
	if (!control.reserve.give(entry))
		return false;
	control.watchers.note_given(pool);
	MP_TRACE(reserve_give, control.traced, bare(control, entry), control.reserve.store().level(), 1);
	if (is_guest(control, entry)) [[unlikely]]
		MP_TRACE(adopt, control.traced, bare(control, entry));
	return true;
}

/// For pools that track: an element goes out to the caller.
inline void note_alloc(mempool_control &control, const void *element)
{
	if (control.tracks) [[unlikely]]
		control.tracker.note_alloc(element);
}

/// A call that may take or give an element, as the search for deadlocks counts them.
inline watch::contended_pool *proven(mempool_control &control)
{
	return control.proves ? &control.contended : nullptr;
}

/// For pools that track: an element comes back; false, after a report, when it must not be taken.
bool note_free(const mempool_t &pool, mempool_control &control, const void *element);

/// For pools that track: an element stays with the caller, to give it where he likes.
void note_left(mempool_control &control, const void *element);

/// Does the new pool track its elements, and are deadlocks searched for? As the
/// debug options say. False when there is no memory for it.
[[nodiscard]] bool start_tracking(mempool_control &control);

/// For pools that track, at exit: reports elements that are still out.
void report_leaks(const mempool_t &pool, mempool_control &control);

} // namespace mp::core
