// SPDX-License-Identifier: MIT
//
// min_nr_zero.cpp - a pool that promises nothing still keeps one element.
#include "tools/lab/lessons.hpp"
#include "tools/lab_stage.hpp"

namespace lab {

void min_nr_zero(stage &s)
{
	scripted_backing &backing = s.make_backing();
	actor &holder = s.thread("holder");
	actor &waiter = s.thread("waiter");
	s.begin("min_nr 0 is legal", R"(
A pool whose min_nr is 0 promises no element at all. Yet one is made and kept. Up to Linux 6.12 there
was none, and a sleeper of such a pool could be woken by nothing: it slept its 5 s.)");
	s.cite(4).show(anchor::target_for);
	pool &requests = s.make_pool("requests", 0, backing);
	backing.fails();
	s.claim("the backing was asked once", 1, backing.calls());
	s.claim("the reserve holds one", 1, requests.level());
	s.claim("min_nr is what was asked for", 0, requests.get()->min_nr);

	s.begin("It serves like any other", R"(
The backing fails, and the one element is handed out.)");
	s.cite(10).show(anchor::take_entry);
	void *only = s.alloc(holder, requests, GFP_KERNEL);
	s.claim("from the reserve", "pass_begin backing_fail reserve_take alloc", s.story(holder));
	s.claim("nothing is left", 0, requests.level());

	s.begin("A sleeper", R"(
The next one sleeps. The library says that the reserve is saturated (it holds the 0 that were
promised), and still takes the next freed element in.)");
	s.cite(12).show(anchor::sleep);
	s.alloc_asleep(waiter, requests, GFP_KERNEL);
	s.claim("it sleeps", 1, requests.sleepers());
	s.claim("mempool_is_saturated()", mempool_is_saturated(requests.get()));

	s.begin("An element comes back, and wakes it", R"(
Because the empty reserve takes the freed element, there is something to wake the sleeper for.)");
	s.cite(23).cite(24).show(anchor::wants);
	s.free(holder, requests, only);
	s.claim("it enters the reserve, for which the sleeper is woken", "free wake reserve_give", s.story(holder));
	void *got = s.wake_up(waiter);
	s.claim("it was woken, not timed out", 0, static_cast<int64_t>(requests.stats().timeouts));
	s.claim("and has the one element", s.name(only), s.name(got));

	s.begin("One, and no more", R"(
A second element that is freed finds the reserve full with one, and goes to the backing.)");
	backing.works();
	s.cite(21).cite(4).show(anchor::give_back);
	void *more = s.alloc(holder, requests, GFP_KERNEL);
	s.free(waiter, requests, got);
	s.free(holder, requests, more);
	s.claim("the first enters the reserve", "free reserve_give", s.story(waiter));
	s.claim("the second does not", "pass_begin alloc free backing_free", s.story(holder));
	s.claim("the reserve holds one", 1, requests.level());
}

} // namespace lab
