// SPDX-License-Identifier: MIT
//
// size_simulate.hpp - the same load with another min_nr: who would have slept,
// and for how long.
//
// Allocations come when they came, elements are held for as long as they were,
// and the backing fails for the calls that it failed for. The rules are the
// pool's: the backing first, all or nothing of what it lacks from the reserve,
// the backing once more, else to sleep until an element comes back; first come,
// first served, but nobody is held up behind one who needs more than there is; a
// free fills the reserve first (PAR-10 to PAR-12, PAR-17, PAR-21, PAR-24).
#pragma once

#include "tools/size_load.hpp"

#include <functional>

namespace size {

/// Something other than what was recorded.
struct what_if {
	double rate = 1;                  // allocations come so many times as fast
	uint64_t outage_ns = 0;           // the backing gives nothing for so long
	uint64_t outage_at_ns = never_ns; // so long after the beginning; never_ns: when it asks most of the reserve
};

struct outcome {
	uint64_t sleeps = 0;
	uint64_t failures = 0;
	uint64_t longest_wait_ns = 0; // never_ns: somebody is not served before the recording ends
	int64_t lowest = 0;           // level of the reserve, from min_nr on down
	uint64_t unserved_ns = 0;     // when somebody slept or failed first
	uint32_t unserved_thread = 0; // and who

	bool served_all() const { return sleeps == 0 && failures == 0; }
};

/// What happens to the reserve, in order: who looks on can do the same with a pool.
struct step {
	bool is_take = false;
	size_t demand = 0; // which of the load; for a give of elements that nobody knows, no_demand
	int64_t count = 0; // taken from the reserve, or given back
	uint64_t at_ns = 0;
	static constexpr size_t no_demand = SIZE_MAX;
};

/// The load with an outage put into it, and its times pressed together.
load changed(const load &recorded, const what_if &other);

outcome simulate(const load &l, int64_t min_nr, const std::function<void(const step &)> &look = nullptr);

/// The smallest min_nr with which nobody sleeps and nothing fails.
int64_t min_nr_without_sleep(const load &l);

/// The smallest, up to `enough`, with which nothing fails and no wait is longer.
int64_t min_nr_for_wait(const load &l, uint64_t wait_ns, int64_t enough);

} // namespace size
