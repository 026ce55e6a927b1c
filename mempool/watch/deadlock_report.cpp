// SPDX-License-Identifier: MIT
//
// deadlock_report.cpp - see deadlock_report.hpp.
#include "mempool/watch/deadlock_report.hpp"

#include "reserve/base/report.hpp"

namespace mp::watch {
namespace {

/// Does it take its elements one by one, at one place?
bool is_loop(const involved_thread &t)
{
	return t.holds.count > 0 && t.where.call_site() != 0 && t.where.call_site() == t.holds.taken.call_site();
}

enum class pattern { loop, nesting, cycle, starving };

pattern pattern_of(const find &f)
{
	bool loops = f.one_pool;
	unsigned holders = 0;
	for (unsigned i = 0; i < f.threads; i++) {
		if (f.thread[i].holds.count == 0)
			continue;
		holders++;
		loops = loops && is_loop(f.thread[i]);
	}
	if (holders == 0)
		return pattern::starving;
	if (loops)
		return pattern::loop;
	return f.one_pool ? pattern::nesting : pattern::cycle;
}

const char *name_of(pattern p)
{
	switch (p) {
	case pattern::loop:
		return "a loop of single allocations that should be mempool_alloc_bulk()";
	case pattern::nesting:
		return "allocations while the thread holds elements of the same pool";
	case pattern::cycle:
		return "threads hold what others wait for";
	default:
		return "threads wait for elements of calls that sleep themselves";
	}
}

const char *advice_for(pattern p)
{
	switch (p) {
	case pattern::loop:
		return "mempool_alloc_bulk() takes all that a thread needs at once, or nothing (PAR-18)";
	case pattern::nesting:
		return "take both at once by mempool_alloc_bulk(), or the second from a pool of its own (PAR-18)";
	default:
		return "take elements of several pools in one order everywhere, and free before sleeping where that is "
		       "not possible";
	}
}

void tell_thread(const find &f, unsigned i)
{
	const involved_thread &t = f.thread[i];
	base::report r(base::severity::bug);
	r.line("deadlock, thread %u of %u: thread %d waits for %d of pool '%s'", i + 1, f.threads + f.more_threads,
	       t.tid, t.need, t.waits_for);
	if (t.holds_of != nullptr)
		r.line("it holds %zu of pool '%s'", t.holds.count, t.holds_of).stack("taken at", t.holds.taken);
	else
		r.line("it holds nothing that the others wait for");
	r.stack("waits at", t.where).emit_without_stack();
}

} // namespace

void report(const find &f, bool end)
{
	const pattern p = pattern_of(f);
	const unsigned threads = f.threads + f.more_threads;
	base::report head(base::severity::bug);
	if (f.not_yet)
		head.line("deadlock possible: %s", name_of(p))
			.line("thread %d holds %zu of pool '%s' and waits for %d more; two threads that do so wait for "
			      "each other",
			      f.thread[0].tid, f.thread[0].holds.count, f.thread[0].waits_for, f.thread[0].need);
	else if (f.judged == verdict::certain)
		head.line("deadlock certain: %s", name_of(p))
			.line("%u threads: as long as the backings give nothing, none of them goes on", threads);
	else
		head.line("deadlock possible: %s", name_of(p))
			.line("%u threads: none of them goes on, unless another thread was handed an element, and "
			      "frees "
			      "it, or a backing gives one",
			      threads);
	head.line("%s", advice_for(p)).emit_without_stack();
	for (unsigned i = 0; i < f.threads; i++)
		tell_thread(f, i);
	if (end)
		base::fatal("aborted after the deadlock above, as MEMPOOL_DEBUG=deadlock-abort asks");
}

void report_broken_promise(const char *pool_name, const void *element)
{
	base::report(base::severity::bug)
		.line("an element is freed by another thread than took it, though the pool was said to be thread owned")
		.line("pool '%s', element %p", pool_name, element)
		.emit();
}

} // namespace mp::watch
