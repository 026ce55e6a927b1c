// SPDX-License-Identifier: MIT
//
// five_seconds.cpp - a sleeper whom nobody wakes looks for itself.
#include "tools/lab/lessons.hpp"
#include "tools/lab_stage.hpp"

namespace lab {

void five_seconds(stage &s)
{
	constexpr uint64_t five_s = 5000000000;
	scripted_backing &backing = s.make_backing();
	actor &holder = s.thread("holder");
	actor &waiter = s.thread("waiter");
	s.begin("A sleeper", R"(
The only element is out, the backing has nothing, and the waiter sleeps.)");
	pool &requests = s.make_pool("requests", 1, backing);
	backing.fails();
	void *element = s.drain(holder, requests).front();
	s.cite(12).show(anchor::sleep);
	s.alloc_asleep(waiter, requests, GFP_KERNEL);
	s.claim("it sleeps", 1, requests.sleepers());

	s.begin("Memory is there again, and nobody says so", R"(
The backing recovers. But a pool cannot know that: nobody calls it when memory becomes free
somewhere. The element that is out may stay out for hours. So no sleep is longer than 5 s: then the
thread wakes by itself and asks the backing again. (This step took as long.))");
	backing.works();
	s.cite(12).show(anchor::retry_ns);
	void *got = s.wake_up(waiter);
	uint64_t waited_ns = 0;
	std::string how;
	for (const event &e : s.events())
		if (e.kind == "wait_end") {
			how = e.args[1].text;
			waited_ns = e.args[2].value;
		}
	s.claim("it woke", "by the clock", how);
	s.claim("after 5 s or more", waited_ns >= five_s);
	s.claim("but not much more than that", waited_ns < 4 * five_s);
	s.claim("one pass, and the backing served it", "wait_end pass_begin alloc", s.story(waiter));
	s.claim("sleeps that the clock ended", 1, static_cast<int64_t>(requests.stats().timeouts));

	s.begin("What that is worth", R"(
The rule is for backings that recover silently. It is no way to run a system: a pool whose
statistics count timeouts has too small a min_nr, or elements that do not come back. See them with
mempool_stats().)");
	s.free(waiter, requests, got);
	s.free(holder, requests, element);
	s.claim("the reserve is whole again", 1, requests.level());
}

} // namespace lab
