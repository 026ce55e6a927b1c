// SPDX-License-Identifier: MIT
//
// masks.hpp - which mask each pass of an allocation hands to the backing, and
// what follows it.
//
// Plain constexpr functions: the one place where PAR-8, PAR-9 and PAR-11 to
// PAR-13 are written down, for the library and for whoever explains it.
#pragma once

#include "mempool/gfp.h"

namespace mp::core {

/// What the caller's mask becomes in every pass (PAR-8): the backing is not to
/// insist, nor to complain, as the reserve stands behind it.
constexpr gfp_t full_mask(gfp_t callers)
{
	return callers | __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN;
}

/// The first pass neither reclaims nor blocks (PAR-9): before time is spent,
/// the reserve is asked.
constexpr gfp_t first_mask(gfp_t full)
{
	return full & ~(__GFP_DIRECT_RECLAIM | __GFP_IO);
}

/// What follows a pass that ended with an empty reserve.
enum class next {
	second_pass, // at once, with the full mask (PAR-11)
	sleep,       // until an element comes back (PAR-12)
	give_up,     // NULL: the caller may not sleep (PAR-13)
};

constexpr next after_pass(gfp_t mask, gfp_t full)
{
	if (mask != full)
		return next::second_pass;
	return (full & __GFP_DIRECT_RECLAIM) != 0 ? next::sleep : next::give_up;
}

/// Is there a second pass when the reserve was empty after the first?
constexpr bool has_second_pass(gfp_t full)
{
	return after_pass(first_mask(full), full) == next::second_pass;
}

static_assert(!has_second_pass(full_mask(GFP_ATOMIC)) && !has_second_pass(full_mask(GFP_NOWAIT)));
static_assert(has_second_pass(full_mask(GFP_ATOMIC | __GFP_IO)) && has_second_pass(full_mask(GFP_KERNEL)));

} // namespace mp::core
