// SPDX-License-Identifier: MIT
//
// lab_questions.cpp - see lab_questions.hpp.
#include "tools/lab_questions.hpp"

#include "tools/lab_stage.hpp"

#include <algorithm>
#include <iterator>
#include <mempool/fault-inject.h>

namespace lab {
namespace {

constexpr size_t none = 9; // it was no choice at all

size_t among(const std::string &seen, const std::vector<std::string> &choices)
{
	const auto at = std::find(choices.begin(), choices.end(), seen);
	return at != choices.end() ? static_cast<size_t>(at - choices.begin()) : none;
}

struct scene {
	stage &s;
	scripted_backing &backing;
	actor &caller;
	pool &requests;

	scene(stage &on, int min_nr)
		: s(on), backing(on.make_backing()), caller(on.thread("caller")),
		  requests(on.make_pool("requests", min_nr, backing))
	{
		s.begin("seen", "");
	}
};

size_t ordinary(stage &s)
{
	const scene at(s, 2);
	s.alloc(at.caller, at.requests, GFP_KERNEL);
	return among(s.story(at.caller), {"pass_begin alloc", "reserve_take alloc"});
}

size_t backing_failed(stage &s)
{
	const scene at(s, 1);
	at.backing.fails();
	s.alloc(at.caller, at.requests, GFP_KERNEL);
	return among(s.story(at.caller), {"wait_begin", "pass_begin backing_fail reserve_take alloc", "alloc_fail"});
}

size_t empty_with(stage &s, gfp_t mask)
{
	const scene at(s, 1);
	at.backing.fails();
	const std::vector<void *> held = s.drain(at.caller, at.requests);
	s.begin("seen", "");
	s.alloc(at.caller, at.requests, mask);
	const size_t seen = among(s.story(at.caller), {"pass_begin backing_fail alloc_fail",
						       "pass_begin backing_fail pass_begin backing_fail alloc_fail"});
	for (void *element : held)
		s.free(at.caller, at.requests, element);
	return seen;
}

size_t atomic_empty(stage &s)
{
	return empty_with(s, GFP_ATOMIC);
}

size_t atomic_io_empty(stage &s)
{
	return empty_with(s, GFP_ATOMIC | __GFP_IO);
}

size_t refill(stage &s)
{
	const scene at(s, 1);
	void *theirs = s.alloc(at.caller, at.requests, GFP_KERNEL);
	const std::vector<void *> ours = s.drain(at.caller, at.requests);
	s.begin("seen", "");
	s.free(at.caller, at.requests, theirs);
	const size_t seen = among(s.story(at.caller), {"free backing_free", "free reserve_give"});
	s.free(at.caller, at.requests, ours.front());
	return seen;
}

size_t zero(stage &s)
{
	const scene at(s, 0);
	return static_cast<size_t>(at.requests.level());
}

size_t woken(stage &s)
{
	const scene at(s, 1);
	actor &sleeper = s.thread("sleeper");
	at.backing.fails();
	const std::vector<void *> held = s.drain(at.caller, at.requests);
	s.alloc_asleep(sleeper, at.requests, GFP_KERNEL);
	s.begin("seen", "");
	at.backing.works();
	s.free(at.caller, at.requests, held.front());
	s.free(sleeper, at.requests, s.wake_up(sleeper));
	return among(s.story(sleeper).substr(0, std::string("wait_end pass_begin alloc").size()),
		     {"wait_end reserve_take all", "wait_end pass_begin alloc"});
}

size_t bulk(stage &s)
{
	const scene at(s, 3);
	at.backing.fails();
	actor &other = s.thread("other");
	void *one = s.alloc(other, at.requests, GFP_KERNEL);
	void *elements[3] = {};
	s.begin("seen", "");
	s.bulk_asleep(at.caller, at.requests, elements, 3);
	const int left = at.requests.level();
	s.free(other, at.requests, one);
	s.bulk_awake(at.caller, elements, 3);
	for (void *element : elements)
		s.free(at.caller, at.requests, element);
	return left == 0 ? 0 : left == 2 ? 1 : none;
}

size_t space(stage &s)
{
	const scene at(s, 1);
	fault_attr attr = FAULT_ATTR_INITIALIZER;
	attr.probability = 100;
	attr.times = -1;
	attr.verbose = 0;
	attr.space = 3;
	size_t failed_at = 0;
	at.caller.call([&] {
		while (!should_fail(&attr, 1) && failed_at < none)
			failed_at++;
	});
	return among(std::to_string(failed_at + 1), {"1", "3", "4"});
}

size_t shrinking(stage &s)
{
	const scene at(s, 4);
	at.caller.call([&] { mempool_resize(at.requests.get(), 2); });
	std::string gone;
	for (const event &e : s.events())
		if (e.kind == "backing_free")
			gone += e.args.front().text;
	return among(gone, {"e1e2", "e4e3"});
}

} // namespace

const std::vector<question> &questions()
{
	static const std::vector<question> all = {
		{"The backing works and the reserve is full. Who is asked by mempool_alloc(pool, GFP_KERNEL)?",
		 {"the backing; nobody looks at the reserve", "the reserve; the backing only when that is empty"},
		 0,
		 10,
		 ordinary},
		{"The backing has nothing, the reserve holds 1. What does GFP_KERNEL do?",
		 {"it sleeps until the backing recovers", "it takes the one from the reserve", "it returns NULL"},
		 1,
		 10,
		 backing_failed},
		{"Backing and reserve are empty. How often does GFP_ATOMIC ask the backing before it returns NULL?",
		 {"once", "twice"},
		 0,
		 11,
		 atomic_empty},
		{"And GFP_ATOMIC|__GFP_IO?", {"once", "twice"}, 1, 11, atomic_io_empty},
		{"The reserve lacks one. An element that the backing made is freed; the backing works. Where does it "
		 "go?",
		 {"to the backing, which made it", "into the reserve"},
		 1,
		 21,
		 refill},
		{"A pool is made with min_nr 0. How many elements does its reserve hold?", {"0", "1"}, 1, 4, zero},
		{"A sleeper is woken because an element came back. Meanwhile the backing works again. Which one does "
		 "it get?",
		 {"the one that came back", "a new one from the backing"},
		 1,
		 12,
		 woken},
		{"mempool_alloc_bulk() wants 3; the backing has nothing, the reserve 2. What does it hold while it "
		 "sleeps?",
		 {"the 2", "nothing"},
		 1,
		 17,
		 bulk},
		{"A fault point has probability 100 and space 3, and is asked about sizes of 1. Which decision fails "
		 "first?",
		 {"the 1st", "the 3rd", "the 4th"},
		 1,
		 36,
		 space},
		{"mempool_resize() makes a full reserve of 4 one of 2. Which elements go to the backing?",
		 {"the two oldest", "the two newest"},
		 1,
		 26,
		 shrinking},
	};
	return all;
}

} // namespace lab
