// SPDX-License-Identifier: MIT
//
// first_failure.cpp - the backing has nothing, and the reserve steps in.
#include "tools/lab/lessons.hpp"
#include "tools/lab_stage.hpp"

namespace lab {

void first_failure(stage &s)
{
	scripted_backing &backing = s.make_backing();
	actor &writer = s.thread("writer");
	s.begin("A pool of three", R"(
Three elements in reserve, and a backing that works. For now.)");
	pool &requests = s.make_pool("requests", 3, backing);
	s.claim("the reserve is full", 3, requests.level());

	s.begin("The backing has nothing", R"(
Memory has run out: the backing returns NULL. With malloc the writer would now have to cope with
that. Here the pool turns to its reserve, and the writer does not notice anything.)");
	backing.fails();
	s.cite(10).show(anchor::first_failed).show(anchor::take_entry);
	void *first = s.alloc(writer, requests, GFP_KERNEL);
	s.claim("the backing was asked first, then the reserve", "pass_begin backing_fail reserve_take alloc",
		s.story(writer));
	s.claim("it was the newest element of the reserve", "e3", s.name(first));
	s.claim("two are left", 2, requests.level());
	s.claim("a failing backing is an ordinary event: nothing was reported", 0,
		static_cast<int64_t>(s.reports().size()));

	s.begin("And again", R"(
The second failure is like the first. The reserve is worth exactly min_nr elements: enough for as
many as can be on their way at once, which is how min_nr is to be chosen.)");
	s.cite(10);
	void *second = s.alloc(writer, requests, GFP_KERNEL);
	s.claim("the next newest", "e2", s.name(second));
	s.claim("one is left", 1, requests.level());

	s.begin("An element comes back", R"(
The writer has done its work and gives both back. While the reserve is not full they go there, not
to the backing: the next emergency may be near.)");
	s.cite(21).show(anchor::give_back).show(anchor::give_entry);
	s.free(writer, requests, second);
	s.free(writer, requests, first);
	s.claim("both went into the reserve", "free reserve_give free reserve_give", s.story(writer));
	s.claim("it is full again", 3, requests.level());

	s.begin("The backing has recovered", R"(
From here on it is an ordinary day again.)");
	backing.works();
	s.cite(10).show(anchor::ordinary_day);
	void *element = s.alloc(writer, requests, GFP_KERNEL);
	s.claim("the backing serves", "pass_begin alloc", s.story(writer));
	s.claim("the reserve stays full", 3, requests.level());
	s.free(writer, requests, element);
}

} // namespace lab
