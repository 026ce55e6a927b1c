// SPDX-License-Identifier: MIT
//
// two_passes.cpp - why an allocation asks twice, and may not reclaim at first.
#include "tools/lab/lessons.hpp"
#include "tools/lab_stage.hpp"
#include "tools/lab_words.hpp"

namespace lab {
namespace {

constexpr gfp_t added = __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN;
constexpr gfp_t kernel_first = __GFP_KSWAPD_RECLAIM | __GFP_FS | added;
constexpr gfp_t kernel_second = __GFP_DIRECT_RECLAIM | __GFP_IO | kernel_first;

void first_pass(stage &s, actor &writer, pool &requests)
{
	s.begin("The first pass is modest", R"(
GFP_KERNEL allows the caller to reclaim memory by itself and to wait for disks. That may take long,
and there is a full reserve: so the first pass takes __GFP_DIRECT_RECLAIM and __GFP_IO out of the
mask. Three flags are added: the reserve stands behind the backing, which need neither insist nor
complain.)");
	s.cite(8).cite(9).show(anchor::full_mask).show(anchor::first_mask);
	void *element = s.alloc(writer, requests, GFP_KERNEL);
	s.claim("the backing saw this mask, and no other", mask_text(kernel_first), s.masks(writer));
	s.claim("it gave NULL, and the reserve served before any time was spent",
		"pass_begin backing_fail reserve_take alloc", s.story(writer));
	s.free(writer, requests, element);
}

} // namespace

void two_passes(stage &s)
{
	scripted_backing &backing = s.make_backing();
	actor &writer = s.thread("writer");
	s.begin("What the backing is allowed to do", R"(
A mask of gfp flags says what an allocation may do to get its memory. In each pass the pool hands
one to the backing. The backing of this lesson fails at first, to show what follows.)");
	pool &requests = s.make_pool("requests", 1, backing);
	backing.fails();
	s.claim("one element in reserve", 1, requests.level());
	first_pass(s, writer, requests);

	std::vector<void *> reserve = s.drain(writer, requests);
	s.begin("The reserve is empty too: the second pass", R"(
Now time has to be spent. At once, without sleeping, the backing is asked again with all that the
caller allows. It may reclaim now, and finds something.)");
	backing.follow("ny", false);
	s.cite(11).show(anchor::second_pass).show(anchor::after_pass);
	void *element = s.alloc(writer, requests, GFP_KERNEL);
	s.claim("two passes, the second with the caller's whole mask",
		mask_text(kernel_first) + " then " + mask_text(kernel_second), s.masks(writer));
	s.claim("the second pass got it", "pass_begin backing_fail pass_begin alloc", s.story(writer));
	s.claim("nobody slept", 0, s.count("wait_begin"));

	s.begin("A mask that allows no more", R"(
GFP_ATOMIC may neither reclaim nor wait: there is nothing that a second pass could do more than the
first. The masks are equal, so there is none.)");
	backing.fails();
	s.cite(11).cite(13).show(anchor::after_pass);
	void *none = s.alloc(writer, requests, GFP_ATOMIC);
	s.claim("one pass", mask_text(GFP_ATOMIC | added), s.masks(writer));
	s.claim("then NULL", "pass_begin backing_fail alloc_fail", s.story(writer));
	s.claim("the caller has nothing", "-", s.name(none));

	s.begin("It is the difference that counts", R"(
GFP_ATOMIC|__GFP_IO is an odd mask, but it shows the rule: the first pass takes __GFP_IO away, the
masks differ, so a second pass follows. Sleeping is not allowed, and the end is NULL all the same.)");
	s.cite(11).cite(13).show(anchor::after_pass);
	s.alloc(writer, requests, GFP_ATOMIC | __GFP_IO);
	s.claim("two passes", mask_text(GFP_ATOMIC | added) + " then " + mask_text(GFP_ATOMIC | __GFP_IO | added),
		s.masks(writer));
	s.claim("then NULL", "pass_begin backing_fail pass_begin backing_fail alloc_fail", s.story(writer));
	for (void *one : reserve)
		s.free(writer, requests, one);
	s.free(writer, requests, element);
}

} // namespace lab
