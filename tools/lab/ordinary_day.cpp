// SPDX-License-Identifier: MIT
//
// ordinary_day.cpp - the backing serves, and the reserve is not touched.
#include "tools/lab/lessons.hpp"
#include "tools/lab_stage.hpp"

namespace lab {

void ordinary_day(stage &s)
{
	scripted_backing &backing = s.make_backing();
	actor &writer = s.thread("writer");
	s.begin("A pool is made", R"(
A mempool stands in front of a backing, which makes elements: a slab cache, kmalloc, or, as here,
two functions of one's own. When the pool is made it asks the backing for min_nr elements and puts
them aside. They are the reserve.)");
	s.cite(1).show(anchor::fill);
	pool &requests = s.make_pool("requests", 4, backing);
	s.claim("the backing was asked 4 times", 4, backing.calls());
	s.claim("the reserve is full", 4, requests.level());

	s.begin("An allocation, while the backing works", R"(
The writer asks for an element with GFP_KERNEL. The backing is asked first, always, and gives a new
one. Nobody looks at the reserve.)");
	s.cite(10).show(anchor::ordinary_day);
	void *element = s.alloc(writer, requests, GFP_KERNEL);
	s.claim("one pass, and an element", "pass_begin alloc", s.story(writer));
	s.claim("the backing made it: its fifth", 5, backing.calls());
	s.claim("nothing was taken from the reserve", 0, s.count("reserve_take"));
	s.claim("the reserve is as full as before", 4, requests.level());

	s.begin("It is given back", R"(
The reserve is full, so the element goes on to the backing, which may do with it what it likes.)");
	s.cite(21).show(anchor::give_back);
	s.free(writer, requests, element);
	s.claim("it does not enter the reserve", "free backing_free", s.story(writer));
	s.claim("the backing has it again: only the reserve is out", 4, backing.out());

	s.begin("Ten at once", R"(
Ten allocations that are all held at once, then all given back. As long as the backing serves, the
pool is a thin sheet in front of it: it costs next to nothing, and the reserve stays whole for the
day when it is needed.)");
	constexpr int nr = 10;
	std::vector<void *> held;
	held.reserve(nr);
	for (int i = 0; i < nr; i++)
		held.push_back(s.alloc(writer, requests, GFP_KERNEL));
	s.claim("all ten came from the backing", 14, backing.out());
	for (void *one : held)
		s.free(writer, requests, one);
	s.claim("and went back there", 4, backing.out());
	s.claim("the reserve was neither taken from nor given to", 0,
		s.count("reserve_take") + s.count("reserve_give"));
	s.claim("its lowest level ever", 4, requests.stats().lowest_nr);
}

} // namespace lab
