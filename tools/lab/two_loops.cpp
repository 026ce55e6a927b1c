// SPDX-License-Identifier: MIT
//
// two_loops.cpp - two loops of allocations that wait for each other, and the bulk
// call as the cure.
#include "tools/lab/lessons.hpp"
#include "tools/lab_stage.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace lab {
namespace {

constexpr unsigned need = 3;
constexpr uint64_t patience = 2000000000; // of mempool_alloc_timeout(), in ns

struct loop {
	actor &who;
	std::array<void *, need> elements{};
	int error = 0;
};

/// Takes the elements from..to of what it needs, each by itself.
void take(stage &s, loop &l, pool &requests, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		l.elements[i] = s.alloc(l.who, requests, GFP_KERNEL);
}

/// The last one, with an end to its patience; begins only.
void ask_for_last(loop &l, pool &requests)
{
	l.who.start([&l, &requests] {
		errno = 0;
		l.elements[need - 1] = mempool_alloc_timeout(requests.get(), GFP_KERNEL, patience);
		l.error = errno;
	});
}

void give_all_back(stage &s, loop &l, pool &requests)
{
	for (void *&element : l.elements)
		if (element != nullptr) {
			s.free(l.who, requests, element);
			element = nullptr;
		}
}

void deadlock(stage &s, loop &a, loop &b, pool &requests)
{
	s.begin("Each has two of three", R"(
Both loops need three elements for one piece of work, say three buffers for one write, and take them
one by one. After two each, the reserve is empty.)");
	s.cite(10);
	take(s, a, requests, 0, 2);
	take(s, b, requests, 0, 2);
	s.claim("the reserve is empty", 0, requests.level());
	s.claim("and four elements are out", 4, s.count("alloc"));

	s.begin("Each waits for the other", R"(
Both ask for their third, and sleep. Neither gives anything back before it has it. With
mempool_alloc() this would never end: the 5-second rule makes them look again and again, for nothing.
Here they ask with mempool_alloc_timeout(), an extension, and give up after 2 s.)");
	s.cite(18).show(anchor::sleep);
	ask_for_last(a, requests);
	ask_for_last(b, requests);
	wait_until("both sleep", [&] { return requests.sleepers() == 2 || !a.who.busy() || !b.who.busy(); });
	const int asleep = requests.sleepers();
	a.who.finish();
	b.who.finish();
	s.claim("both slept at the same time", 2, asleep);
	s.claim("both gave up", "ETIMEDOUT ETIMEDOUT",
		std::string(strerrorname_np(a.error)) + " " + strerrorname_np(b.error));
	s.claim("nobody was woken", 0, s.count("wake"));
	s.say("The kernel has no such call. There the way out is not to get into it.");
}

} // namespace

void two_loops(stage &s)
{
	scripted_backing &backing = s.make_backing();
	loop a = {s.thread("loop-a")};
	loop b = {s.thread("loop-b")};
	s.begin("Four elements, and two who need three", R"(
The reserve holds four. Each piece of work needs three elements, so one fits at a time. That is
enough for both to get on, one after the other, if they wait in the right place.)");
	pool &requests = s.make_pool("buffers", 4, backing);
	backing.fails();
	s.claim("four in reserve", 4, requests.level());
	deadlock(s, a, b, requests);
	give_all_back(s, a, requests);
	give_all_back(s, b, requests);

	s.begin("The bulk call: all, or none", R"(
mempool_alloc_bulk() takes all that is missing from the reserve, or nothing. The first loop has its
three. One is left: too little for the second, which takes nothing at all, and sleeps with empty
hands.)");
	s.cite(17).show(anchor::ask_reserve).show(anchor::take_into_gaps);
	s.alloc_bulk(a.who, requests, a.elements.data(), need);
	s.bulk_asleep(b.who, requests, b.elements.data(), need);
	s.claim("the first has all three", "pass_begin backing_fail reserve_take alloc_bulk", s.story(a.who));
	s.claim("the second asked twice, took nothing, and sleeps",
		"pass_begin backing_fail pass_begin backing_fail wait_begin", s.story(b.who));
	s.claim("the one that is left is still there", 1, requests.level());

	s.begin("Nobody holds what the other waits for", R"(
The first does its work and gives its elements back. The second is woken as soon as three are there,
not before: one or two would be of no use to it.)");
	s.cite(18).cite(24).show(anchor::serve);
	for (void *&element : a.elements) {
		s.free(a.who, requests, std::exchange(element, nullptr));
		// It is asleep, or was woken in vain, and sleeps again, until all three are there.
		wait_until("the second sleeps, or has its elements",
			   [&] { return !b.who.busy() || requests.sleepers() > 0 || requests.level() >= 3; });
	}
	s.bulk_awake(b.who, b.elements.data(), need);
	s.claim("one wake-up", 1, s.count("wake"));
	s.claim("woken, it got all three", "wait_end pass_begin backing_fail reserve_take alloc_bulk", s.story(b.who));
	s.claim("one is left", 1, requests.level());
	give_all_back(s, b, requests);
	s.claim("and in the end all four", 4, requests.level());
}

} // namespace lab
