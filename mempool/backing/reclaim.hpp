// SPDX-License-Identifier: MIT
//
// reclaim.hpp - memory back from those who keep it: caches first, then
// shrinkers (PAR-35).
//
// Both are guests on a list. Walkers hold a reference to the guest that they are
// at, not a read section: a thread's first one may abort the process just when
// memory has ended, and callbacks may sleep.
//
// Owner of the state: reclaim.cpp. Race table:
//   add, remove / walkers   the list's lock; remove() waits until nobody is at the guest
//   callbacks / all         no lock is held
#pragma once

#include "mempool/gfp.h"

#include <cstddef>
#include <cstdint>

namespace mp::backing {

struct reclaim_guest {
	reclaim_guest *next = nullptr;
	reclaim_guest *previous = nullptr;
	void *object = nullptr;
	unsigned walkers = 0;
	bool leaving = false;
};

enum class guest_kind { cache, shrinker };

void reclaim_add(guest_kind kind, reclaim_guest &guest, void *object);
/// Sleeps until no walker is at the guest.
void reclaim_remove(guest_kind kind, reclaim_guest &guest);

/// Is this thread inside reclaim?
bool reclaiming();

/// One round: caches give back what is empty, shrinkers are asked for a part
/// (2^-shift) of what they have. How much came back, in no unit: 0 is nothing.
uint64_t reclaim_round(gfp_t gfp_mask, unsigned shift);

/// May this thread start one for the mask, here?
bool may_reclaim(gfp_t gfp_mask);

/// After a first try failed: rounds of reclaim with a try behind each. `gfp_mask`
/// is as the thread's scopes leave it.
template <class Try> auto after_reclaim(gfp_t gfp_mask, Try try_again) -> decltype(try_again())
{
	constexpr unsigned most_rounds = 3; // asks for a quarter, a half, all
	if (!may_reclaim(gfp_mask))
		return nullptr;
	for (unsigned round = 1; round <= most_rounds; round++) {
		if (reclaim_round(gfp_mask, most_rounds - round) == 0)
			break;
		if (auto *memory = try_again())
			return memory;
		if ((gfp_mask & __GFP_NORETRY) != 0)
			break;
	}
	return nullptr;
}

} // namespace mp::backing
