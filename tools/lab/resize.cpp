// SPDX-License-Identifier: MIT
//
// resize.cpp - another min_nr, while threads allocate and sleep.
#include "tools/lab/lessons.hpp"
#include "tools/lab_stage.hpp"

#include <mempool/mempool-trace.h>

namespace lab {
namespace {

void growing_wakes(stage &s, actor &holder, scripted_backing &backing, pool &requests)
{
	actor &waiter = s.thread("waiter");
	s.begin("A sleeper, and a reserve that grows", R"(
Both elements are out and a thread sleeps. Somebody decides that 2 were too few, and makes it 4. The
backing works again, so the reserve is topped up at once. In the kernel the sleeper would go on
sleeping until a free or its 5 s; here it is woken by what growing adds.)");
	const std::vector<void *> held = s.drain(holder, requests);
	backing.fails();
	s.alloc_asleep(waiter, requests, GFP_KERNEL);
	backing.follow("yynn", false);
	s.cite(27).cite(28).show(anchor::top_up);
	int error = -1;
	holder.call([&] { error = mempool_resize(requests.get(), 4); });
	void *got = s.wake_up(waiter);
	s.claim("mempool_resize() returned", 0, error);
	s.claim("min_nr is", 4, requests.get()->min_nr);
	s.claim("the sleeper was woken, not timed out", 0, static_cast<int64_t>(requests.stats().timeouts));
	s.claim("and has an element", got != nullptr);

	s.begin("Later frees fill the rest", R"(
The backing stopped early: it gave two, one of which the sleeper took. That is no error. What comes
back goes into the reserve until it holds four.)");
	backing.works();
	s.cite(27).cite(21).show(anchor::give_back);
	for (void *element : held)
		s.free(holder, requests, element);
	s.free(waiter, requests, got);
	s.claim("it is full", 4, requests.level());
	s.claim("three frees filled it", 3, s.count("reserve_give"));
}

void shrinking(stage &s, actor &holder, scripted_backing &backing, pool &requests)
{
	s.begin("Shrinking gives the surplus back", R"(
From 4 to 1: three elements go to the backing, the newest first, and min_nr falls only after that.
So nobody ever sees a pool that promises more than it can hold.)");
	s.cite(26).show(anchor::shrink);
	const int before = backing.out();
	holder.call([&] { mempool_resize(requests.get(), 1); });
	s.claim("three went to the backing, then min_nr fell", "backing_free backing_free backing_free resize",
		s.story(holder));
	s.claim("the backing has them", 3, before - backing.out());
	s.claim("one is left", 1, requests.level());
}

/// Takes two and gives them back, so many times; how often it got nothing.
int work(pool &from, int rounds)
{
	int nothing = 0;
	for (int i = 0; i < rounds; i++) {
		void *one = mempool_alloc(from.get(), GFP_KERNEL);
		void *two = mempool_alloc(from.get(), GFP_NOWAIT);
		nothing += one == nullptr ? 1 : 0;
		mempool_free(one, from.get());
		mempool_free(two, from.get());
	}
	return nothing;
}

void under_load(stage &s, actor &holder, scripted_backing &backing, pool &requests)
{
	constexpr int rounds = 40;
	actor &left = s.thread("left");
	actor &right = s.thread("right");
	s.begin("Under load", R"(
Two threads allocate and free as fast as they can, the backing fails two times out of three, and
meanwhile the reserve is made larger and smaller. alloc and free may go on while a pool is resized;
only destroying it wants the pool to itself.)");
	s.cite(28).show(anchor::raise_target);
	std::string script;
	for (int i = 0; i < 40; i++)
		script += "nny";
	backing.follow(script, true);
	int nothing[2] = {};
	left.start([&] { nothing[0] = work(requests, rounds); });
	right.start([&] { nothing[1] = work(requests, rounds); });
	holder.call([&] {
		for (const int min_nr : {5, 3, 8, 2, 6, 4})
			mempool_resize(requests.get(), min_nr);
	});
	left.finish();
	right.finish();
	s.claim("GFP_KERNEL got an element each time", 0, nothing[0] + nothing[1]);
	s.claim("six times another min_nr", 6, s.count("resize"));
	s.claim("in the end", "min_nr 4", "min_nr " + std::to_string(requests.get()->min_nr));
	s.claim("no element is lost: what is out of the backing is in the reserve", requests.level(), backing.out());
}

} // namespace

void resize(stage &s)
{
	scripted_backing &backing = s.make_backing();
	actor &holder = s.thread("holder");
	s.begin("A pool of two", R"(
How many elements a reserve needs is seldom known from the start. mempool_resize() changes min_nr
while the pool is in use.)");
	pool &requests = s.make_pool("requests", 2, backing);
	s.claim("two in reserve", 2, requests.level());
	growing_wakes(s, holder, backing, requests);
	shrinking(s, holder, backing, requests);
	under_load(s, holder, backing, requests);
}

} // namespace lab
