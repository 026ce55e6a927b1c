// SPDX-License-Identifier: MIT
//
// sleep_and_wake.cpp - who is woken, and what it does then.
#include "tools/lab/lessons.hpp"
#include "tools/lab_stage.hpp"

namespace lab {
namespace {

/// Whom this step's wake-ups were for, in order.
std::string woken(stage &s)
{
	std::string all;
	for (const event &e : s.events())
		if (e.kind == "wake")
			all += (all.empty() ? "" : " ") + e.args.front().text;
	return all;
}

struct cast {
	actor &holder;
	actor &first;
	actor &second;
	actor &third;
};

void all_sleep(stage &s, const cast &c, pool &requests)
{
	s.begin("Three go to sleep", R"(
Three threads want an element, one after the other. None is left, so each sleeps, in a queue. The
kernel calls such a sleep uninterruptible: no signal ends it.)");
	s.cite(12).show(anchor::sleep).show(anchor::enqueue);
	s.alloc_asleep(c.first, requests, GFP_KERNEL);
	s.alloc_asleep(c.second, requests, GFP_KERNEL);
	s.alloc_asleep(c.third, requests, GFP_KERNEL);
	s.claim("three are asleep", 3, requests.sleepers());
	s.claim("each after two passes", 6, s.count("backing_fail"));
}

/// What the second holds at the end.
void *one_is_woken(stage &s, const cast &c, pool &requests, void *element)
{
	s.begin("One element, one wake-up", R"(
The holder gives one back. The kernel wakes all three then, who race for it, and two go to sleep
again. This library wakes as many as the reserve can serve, the oldest first.)");
	s.cite(24).show(anchor::serve).show(anchor::note_given);
	s.free(c.holder, requests, element);
	s.claim("who slept longest is woken, and nobody else", "first", woken(s));
	void *got = s.wake_up(c.first);
	s.claim("it got what came back", s.name(element), s.name(got));
	s.claim("the others sleep on", 2, requests.sleepers());
	s.free(c.first, requests, got);
	void *passed_on = s.wake_up(c.second);
	s.say("When the first is done, it gives the element back, and the second is woken.");
	s.claim("so it goes round", s.name(element), s.name(passed_on));
	s.claim("both wake-ups", "first second", woken(s));
	return passed_on;
}

} // namespace

void sleep_and_wake(stage &s)
{
	scripted_backing &backing = s.make_backing();
	const cast c = {s.thread("holder"), s.thread("first"), s.thread("second"), s.thread("third")};
	s.begin("The reserve is out", R"(
A pool of two, and one thread that holds both. The backing has nothing.)");
	pool &requests = s.make_pool("requests", 2, backing);
	backing.fails();
	const std::vector<void *> held = s.drain(c.holder, requests);
	s.claim("nothing is left", 0, requests.level());

	all_sleep(s, c, requests);
	void *second_has = one_is_woken(s, c, requests, held[0]);

	s.begin("Woken for the reserve, served by the backing", R"(
An element is never handed to a sleeper. Being woken means starting over, and that means the backing
first. Here the backing has recovered in the meantime: the third takes from there, and what woke it
stays in the reserve, where it belongs.)");
	backing.works();
	s.cite(12).cite(10).show(anchor::second_pass);
	s.free(c.holder, requests, held[1]);
	void *got = s.wake_up(c.third);
	s.claim("woken, it asked the backing, and that was all", "wait_end pass_begin alloc", s.story(c.third));
	s.claim("it has a new element, not the one that woke it", s.name(backing.given().back()), s.name(got));
	s.claim("that one is in the reserve", 1, requests.level());
	s.claim("nobody sleeps any more", 0, requests.sleepers());
	s.claim("sleeps that the clock ended", 0, static_cast<int64_t>(requests.stats().timeouts));
	s.free(c.third, requests, got);
	s.free(c.second, requests, second_has);
}

} // namespace lab
