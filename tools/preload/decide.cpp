// SPDX-License-Identifier: MIT
//
// decide.cpp - see decide.hpp. The kernel's attributes are decided by the
// library's own code, fault_decision.cpp, which is linked in alone: should_fail()
// would bring a second libmempool, its reading of MEMPOOL_FAULT and its RCU threads into
// each program, before its libc is ready for them.
#include "tools/preload/decide.hpp"

#include "mempool/watch/fault_decision.hpp"

#include <sys/prctl.h>
#include <unistd.h>

// For a breakpoint: the next thing that this thread does is to fail an allocation.
PRELOAD_EXPORT __attribute__((noinline)) void mempool_fail_here()
{
	asm volatile("" ::: "memory");
}

namespace mp::preload {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;

/// One candidate, on its way to a decision.
struct candidate {
	call_kind call;
	size_t size;
	uint64_t n;
	uint64_t occurrence; // of orders.stack_hash; 0: it has another
	call_site site;
	bool has_stack;
	raw_stack raw;
	stack_trace stack;
};

/// The stack as places, of which raw addresses are a part.
void take(candidate &c)
{
	if (c.has_stack)
		return;
	c.has_stack = true;
	if (recall_stack(c.site, c.raw, c.stack))
		return;
	take_stack(c.raw);
	describe(c.raw, orders_here.orders->stack_depth, c.stack);
	remember_stack(c.site, c.raw, c.stack);
}

bool passes_filters(candidate &c)
{
	const order_sheet &o = *orders_here.orders;
	if ((o.calls & bit(c.call)) == 0 || c.size < o.size_min || c.size > o.size_max)
		return false;
	if (o.after_main != 0 && self->main_began.load(relaxed) == 0)
		return false;
	if (o.thread[0] != 0 && !thread_fits())
		return false;
	if (o.filters_used == 0)
		return true;
	take(c);
	return callers_fit(c.raw);
}

bool draw(const candidate &c)
{
	const random_orders &r = orders_here.orders->random;
	watch::fault_thread thread;
	thread.identity = mine.identity;
	const watch::fault_draw drawn = {static_cast<int64_t>(std::min<size_t>(c.size, INT64_MAX)), r.seed,
					 self->identity, &mine.draws};
	// The budgets are the whole tree's.
	random_orders &budget = shared->orders.random;
	return watch::fault_decide({r.probability, r.interval, false}, {budget.times, budget.space}, thread, {}, drawn);
}

/// Does the trigger, or what follows it, mean this one?
bool is_meant(candidate &c)
{
	const order_sheet &o = *orders_here.orders;
	if (o.trigger == trigger_kind::random)
		return draw(c);
	bool first = false;
	if (o.trigger == trigger_kind::nth)
		first = c.n == o.n;
	else if (o.trigger == trigger_kind::stack)
		first = c.occurrence == o.occurrence && c.occurrence != 0;
	if (first) {
		self->triggered.store(1, relaxed);
		return true;
	}
	if (o.then == aftermath::nothing || self->triggered.load(relaxed) == 0)
		return false;
	switch (o.then) {
	case aftermath::all:
		return o.trigger != trigger_kind::nth || c.n > o.n;
	case aftermath::same_stack:
		return c.occurrence > o.occurrence;
	case aftermath::second:
		return c.n == o.second;
	default:
		return false;
	}
}

void record_failure(candidate &c)
{
	self->failed.fetch_add(1, relaxed);
	if (failure_record *record = claim(shared->answers.failures)) {
		take(c);
		record->call = c.call;
		record->process = self_number;
		record->thread = mine.record;
		record->n = c.n;
		record->occurrence = c.occurrence;
		record->size = c.size;
		char name[16] = {};
		prctl(PR_GET_NAME, name);
		copy_text(record->thread_name, text(name));
		record->stack = c.stack;
		record->ready.set();
	}
}

bool decide_at_work(candidate &c)
{
	const order_sheet &o = *orders_here.orders;
	if (orders_here.needs_hash) {
		take(c);
		if (o.record_stacks != 0)
			last_stack = note_stack(c.stack, {c.call, c.n, c.size});
		if (o.trigger == trigger_kind::stack && c.stack.hash == o.stack_hash)
			c.occurrence = self->occurrences.fetch_add(1, relaxed) + 1;
	}
	if (!orders_here.here || !is_meant(c))
		return false;
	record_failure(c);
	return true;
}

} // namespace

__attribute__((noinline)) bool decide(call_kind call, size_t size, call_site site)
{
	const at_work inside;
	candidate c; // not cleared: two stacks lie in it
	c.call = call;
	c.size = size;
	c.occurrence = 0;
	c.has_stack = false;
	c.site = site;
	last_stack = 0;
	if (!passes_filters(c))
		return false;
	c.n = self->candidates.fetch_add(1, relaxed) + 1;
	if (!decide_at_work(c))
		return false;
	mempool_fail_here();
	return true;
}

__attribute__((noinline)) bool decide_counted(call_kind call, size_t size, call_site site, uint64_t n)
{
	const at_work inside;
	candidate c;
	c.call = call;
	c.size = size;
	c.n = n;
	c.occurrence = 0;
	c.has_stack = false;
	c.site = site;
	if (!decide_at_work(c))
		return false;
	mempool_fail_here();
	return true;
}

} // namespace mp::preload
