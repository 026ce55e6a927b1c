// SPDX-License-Identifier: MIT
//
// atomic_vs_kernel.cpp - GFP_ATOMIC and GFP_KERNEL on an empty reserve.
#include "tools/lab/lessons.hpp"
#include "tools/lab_stage.hpp"

#include <cstring>

namespace lab {
namespace {

void atomic_gets_null(stage &s, actor &irq, pool &requests)
{
	s.begin("GFP_ATOMIC: now or never", R"(
An interrupt handler cannot sleep, and neither can a signal handler or an event loop. They ask with
GFP_ATOMIC, which lacks __GFP_DIRECT_RECLAIM. With backing and reserve empty there is nothing left
to do but to return NULL, at once.)");
	s.cite(13).show(anchor::after_pass).show(anchor::give_up);
	void *element = s.alloc(irq, requests, GFP_ATOMIC);
	s.claim("one pass, then NULL", "pass_begin backing_fail alloc_fail", s.story(irq));
	s.claim("the caller got", "-", s.name(element));
	s.claim("errno says why", "ENOMEM", strerrorname_np(s.error(irq)));
	s.claim("it did not sleep", 0, s.count("wait_begin"));
}

void kernel_sleeps(stage &s, actor &worker, actor &irq, pool &requests, void *element)
{
	s.begin("GFP_KERNEL: it takes as long as it takes", R"(
A worker thread may sleep, and says so with GFP_KERNEL. It never gets NULL: it makes its two passes,
and then it sleeps until an element comes back.)");
	s.cite(12).show(anchor::sleep).show(anchor::patiently);
	s.alloc_asleep(worker, requests, GFP_KERNEL);
	s.claim("two passes, then sleep", "pass_begin backing_fail pass_begin backing_fail wait_begin",
		s.story(worker));
	s.claim("one thread is asleep", 1, requests.sleepers());

	s.begin("An element comes back", R"(
Whoever has one gives it back. It enters the reserve, and the sleeper is woken and takes it.)");
	s.cite(21).cite(24).show(anchor::note_given);
	s.free(irq, requests, element);
	void *got = s.wake_up(worker);
	s.claim("the element that came back", s.name(element), s.name(got));
	s.claim("it was woken, and went through a whole pass again",
		"wait_end pass_begin backing_fail reserve_take alloc", s.story(worker));
	s.claim("sleeps that the clock ended", 0, static_cast<int64_t>(requests.stats().timeouts));
	s.free(worker, requests, got);
}

} // namespace

void atomic_vs_kernel(stage &s)
{
	scripted_backing &backing = s.make_backing();
	actor &irq = s.thread("irq");
	actor &worker = s.thread("worker");
	s.begin("Nothing is left", R"(
A pool of one element. mempool_alloc_preallocated() takes it: that call looks at the reserve only. A
second one gets NULL, though the backing works. Then the backing fails, too: the worst moment for an
allocation. What happens now depends on one flag of the mask.)");
	pool &requests = s.make_pool("requests", 1, backing);
	void *element = nullptr;
	void *more = nullptr;
	irq.call([&] {
		element = mempool_alloc_preallocated(requests.get());
		more = mempool_alloc_preallocated(requests.get());
	});
	backing.fails();
	s.cite(16).show(anchor::preallocated);
	s.claim("what was taken is the reserve's, without a pass over the backing",
		"reserve_take preallocated alloc_fail", s.story(irq));
	s.claim("it is the element that was in reserve, and then there is none", "e1 -",
		s.name(element) + " " + s.name(more));
	s.claim("the backing was asked when the pool was made, and not since", 1, backing.calls());
	s.claim("the reserve is empty", 0, requests.level());
	if (element == nullptr)
		throw stuck("waited in vain: the element of the reserve");

	atomic_gets_null(s, irq, requests);

	s.begin("GFP_NOWAIT is no better off", R"(
GFP_NOWAIT differs from GFP_ATOMIC in one flag: it is not urgent, and may not use the last of the
system's memory. For the pool that is all the same: what it may not do is sleep.)");
	s.cite(13).show(anchor::after_pass);
	void *none = s.alloc(irq, requests, GFP_NOWAIT);
	s.claim("NULL again", "-", s.name(none));
	s.claim("in one pass", "pass_begin backing_fail alloc_fail", s.story(irq));

	kernel_sleeps(s, worker, irq, requests, element);
}

} // namespace lab
