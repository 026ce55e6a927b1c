// SPDX-License-Identifier: MIT
//
// store.hpp - what an element store is: the array of reserved elements.
//
// A store holds up to `target` entries and gives its newest first. It knows
// nothing of sleeping, masks or backings; an entry is a pointer that it never
// looks behind. The locked store is the reference; others must pass its tests.
#pragma once

#include <concepts>

namespace mp::reserve {

/// Entries for a store to use, and later to give back.
struct slot_array {
	void **slots = nullptr;
	int capacity = 0;
};

// Version 14 of clang-format gives each requirement four lines.
// clang-format off
template <class S>
concept element_store = requires(S s, const S &cs, void *entry, void **entries, int n, slot_array array) {
	// Starts empty, on an array of at least max(1, target) slots.
	{ s.init(array, n) } -> std::same_as<void>;
	// The newest entry; nullptr when there is none.
	{ s.take() } -> std::same_as<void *>;
	// Fills the NULL ones of n entries, upwards; `missing` of them, or none at all.
	{ s.take_into_gaps(entries, n, n) } -> std::same_as<bool>;
	// Adds an entry while the level is below the target.
	{ s.give(entry) } -> std::same_as<bool>;
	// Adds from the front of n entries until the target is reached; says how many.
	{ s.give_many(entries, n) } -> std::same_as<int>;
	// Towards a lower target: the newest entry above it, or else nullptr, and the target is set.
	{ s.take_above(n) } -> std::same_as<void *>;
	// A higher target, and if it needs one a larger array; hands the old array back.
	{ s.grow(array, n) } -> std::same_as<slot_array>;
	{ cs.level() } -> std::same_as<int>;
	{ cs.lowest() } -> std::same_as<int>;
	{ cs.target() } -> std::same_as<int>;
	{ cs.array() } -> std::same_as<slot_array>;
	// The lowest level counts from now on.
	{ s.note_full() } -> std::same_as<void>;
	// Around fork: nobody is inside while it is frozen.
	{ s.freeze() } -> std::same_as<void>;
	{ s.thaw() } -> std::same_as<void>;
	{ s.thaw_in_child() } -> std::same_as<void>;
};
// clang-format on

} // namespace mp::reserve
