// SPDX-License-Identifier: MIT
//
// store.hpp - what an element store is: the array of reserved elements.
//
// A store holds up to `target` entries. It knows nothing of sleeping, masks or
// backings; an entry is a pointer that it never looks behind. Where one CPU
// works alone it is handed its newest entry first. The locked store is the
// reference; others must pass its tests.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace mp::reserve {

/// Owners whose entries leave this bit free may set it in those that are to give
/// way to others: guests.
inline constexpr uintptr_t guest_bit = 2;

/// Memory that the owner brings, zeroed and aligned to a page or a cache line.
struct memory_block {
	void *start = nullptr;
	size_t bytes = 0;
};

// Version 14 of clang-format gives each requirement four lines.
// clang-format off
template <class S>
concept element_store = requires(S s, const S &cs, void *entry, void **entries, int n, memory_block block) {
	// What it is made of, see atomics.hpp.
	typename S::atomics;
	// The newest entry; nullptr when there is none.
	{ s.take() } -> std::same_as<void *>;
	// Puts an entry where a guest was, and hands that one out; nullptr when there is none, or a bulk is after it.
	{ s.swap_guest(entry) } -> std::same_as<void *>;
	// Alone in a child: an entry that is no guest; nullptr when there is none.
	{ s.take_resident() } -> std::same_as<void *>;
	// Fills the NULL ones of n entries, upwards; `missing` of them, or none at all.
	{ s.take_into_gaps(entries, n, n) } -> std::same_as<bool>;
	// Adds an entry while the level is below the target, if it is one that it can hold. Where it
	// succeeds it is a seq_cst operation, or ends with a seq_cst fence (ORD-2); so is give_many().
	{ s.give(entry) } -> std::same_as<bool>;
	// Adds from the front of n entries until the target is reached; says how many.
	{ s.give_many(entries, n) } -> std::same_as<int>;
	// Does giving make no sense? Errs to `no` only.
	{ cs.full() } -> std::same_as<bool>;
	// Towards a lower target: the newest entry above it, or else nullptr, and the target is set.
	{ s.take_above(n) } -> std::same_as<void *>;
	// A higher target: how much memory it needs for that, and the growing. Hands back what it needs no longer.
	{ cs.bytes_to_grow(n) } -> std::same_as<size_t>;
	{ s.grow(block, n) } -> std::same_as<memory_block>;
	// What grow() was given and has not handed back, from 0 on; an empty one is the end.
	{ cs.grown(n) } -> std::same_as<memory_block>;
	// How many entries there are. The level may run a moment ahead or behind while others work;
	// the count looks at the entries themselves, and stops at n.
	{ cs.level() } -> std::same_as<int>;
	{ s.count(n) } -> std::same_as<int>;
	// Shows the entries that are there, more or less, while others work; not for handlers.
	{ s.each_entry([](void *) {}) } -> std::same_as<void>;
	{ cs.lowest() } -> std::same_as<int>;
	// Entries ever taken and given.
	{ cs.taken() } -> std::same_as<uint64_t>;
	{ cs.given() } -> std::same_as<uint64_t>;
	{ cs.target() } -> std::same_as<int>;
	// The lowest level counts from now on.
	{ s.note_full() } -> std::same_as<void>;
	// Around fork: nobody is inside while it is frozen, or else thaw_in_child() sets right what he left.
	{ s.freeze() } -> std::same_as<void>;
	{ s.thaw() } -> std::same_as<void>;
	{ s.thaw_in_child() } -> std::same_as<void>;
};

/// One that can be made: empty, in zeroed memory.
template <class S>
concept made_store = element_store<S> && requires(S s, void *zeroed, int n) {
	{ S::bytes_for(n) } -> std::same_as<size_t>;
	{ s.init(zeroed, n) } -> std::same_as<void>;
};
// clang-format on

} // namespace mp::reserve
