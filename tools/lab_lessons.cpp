// SPDX-License-Identifier: MIT
//
// lab_lessons.cpp - see lab_lessons.hpp.
#include "tools/lab_lessons.hpp"

#include "tools/lab/lessons.hpp"
#include "tools/lab_stage.hpp"

#include <algorithm>

namespace lab {

const std::vector<lesson> &lessons()
{
	static const std::vector<lesson> all = {
		{"ordinary-day", "the backing serves, and the reserve is not touched", ordinary_day},
		{"first-failure", "the backing has nothing, and the reserve steps in", first_failure},
		{"two-passes", "why an allocation asks twice, and may not reclaim at first", two_passes},
		{"atomic-vs-kernel", "one flag decides between NULL and sleep when nothing is left", atomic_vs_kernel},
		{"sleep-and-wake", "who is woken when an element comes back, and what it does then", sleep_and_wake},
		{"five-seconds", "a sleeper whom nobody wakes looks for itself (takes 5 s)", five_seconds},
		{"refill-first", "a freed element fills the reserve first; whose element comes back", refill_first},
		{"min-nr-zero", "a pool that promises nothing still keeps one element", min_nr_zero},
		{"two-loops", "two loops wait for each other, and the bulk call as the cure", two_loops},
		{"resize", "another min_nr, while threads allocate and sleep", resize},
		{"poison", "a write after the free is caught at the door", poison},
		{"fault-order", "fault injection: the attributes, in the order in which they are asked", fault_order},
		{"missing-barrier", "how a wake-up gets lost without a barrier, and that none does", missing_barrier},
		{"reclaim", "direct reclaim: who asks shrinkers, when, and who must not", reclaim},
		{"userspace", "why a pointer is not enough: page faults, fork, and the OOM killer", userspace},
	};
	return all;
}

const lesson *find_lesson(const std::string &name)
{
	const auto at =
		std::find_if(lessons().begin(), lessons().end(), [&](const lesson &l) { return l.name == name; });
	return at != lessons().end() ? &*at : nullptr;
}

run play(const lesson &what)
{
	auto s = std::make_unique<stage>(what.name, what.title);
	try {
		what.act(*s);
		return s->finish();
	} catch (const stuck &e) {
		run ended = s->give_up(e.what());
		if (s->anybody_busy())
			static_cast<void>(s.release()); // a thread is still in a call, with the pool and all
		return ended;
	}
}

} // namespace lab
