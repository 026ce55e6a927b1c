// SPDX-License-Identifier: MIT
//
// pagemap.hpp - from an address to what lies there: the one way in which frees
// learn what they were given, without touching memory that may not be ours.
//
// A radix tree over units of 4 MiB, two levels deep: 48 bits of address, 22 of
// them inside a unit, 13 in each level. Leaves are never given back.
//
// Owner of the state: pagemap.cpp. Race table: find may run beside all; two
// set calls for different units may run together, for one unit its owner
// serialises them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mp::backing {

inline constexpr unsigned unit_shift = 22;
inline constexpr size_t unit_bytes = size_t{1} << unit_shift;

/// What a unit belongs to. Extended by those who map units.
struct region {
	enum class kind : uint8_t { pages, mapping };
	kind what;
	void *base;   // the first byte
	size_t bytes; // the whole length
};

/// Makes `owner` the answer for the unit that starts at `base`; nullptr takes
/// it out. False when there is no memory for the tree, or the address lies
/// beyond 48 bits; taking out never fails.
[[nodiscard]] bool pagemap_set(const void *base, region *owner);

/// Whose unit an address lies in; nullptr for memory that is not ours.
region *pagemap_find(const void *address);

} // namespace mp::backing
