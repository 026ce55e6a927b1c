// SPDX-License-Identifier: MIT
//
// fault_point.cpp - see fault_point.hpp and fault-inject.h.
#include "mempool/watch/fault_point.hpp"

#include "mempool/watch/fault_control.hpp"
#include "mempool/watch/fault_report.hpp"
#include "mempool/watch/fault_table.hpp"
#include "mempool/watch/fault_thread.hpp"
#include "mempool/watch/trace.hpp"

#include "reserve/base/stack_trace.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

namespace mp::watch {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;

/// A stack as the filter of PAR-36 sees it.
struct stack_range {
	unsigned depth;
	uint64_t require_start, require_end, reject_start, reject_end;
};

/// A rejected frame wins over a required one.
bool stack_is_allowed(const void *arg)
{
	const auto *range = static_cast<const stack_range *>(arg);
	bool required = range->require_end == 0;
	bool rejected = false;
	base::walk_stack(range->depth, [&](uintptr_t pc) {
		required = required || (pc >= range->require_start && pc < range->require_end);
		rejected = rejected || (pc >= range->reject_start && pc < range->reject_end);
		return !rejected;
	});
	return required && !rejected;
}

/// As the kernel's: without a depth nothing lies in a required range, unless that is everything.
stack_filter filter_of(const stack_range &range)
{
	const bool all = range.require_start == 0 && range.require_end == UINT64_MAX;
	if (all && ((range.reject_start == 0 && range.reject_end == 0) || range.depth == 0))
		return {};
	return {stack_is_allowed, &range};
}

/// A hit is told: to the thread itself, in a report, in a recording.
void tell(const fault_told &what, const fault_settings &settings, uint64_t *rate, bool may_report)
{
	note_fault(what.point, what.name, what.size, what.seed, what.count);
	if (may_report && !fault_thread_quiet())
		report_fault(what, settings, rate);
	if (trace::wanted<trace::event::fault_injected>())
		trace::tell_text(trace::event::fault_injected, trace::nobody, 1, what.size, what.point.data());
}

/// A hit at a slot is told, out of the way of the misses.
[[gnu::noinline]] void tell_hit(const fault_table &table, fault_slot &slot, size_t size, const fault_asked &who,
				uint32_t count)
{
	slot.failures.fetch_add(1, relaxed);
	tell({slot.text(), who.name, size, table.seed.load(relaxed), count}, slot.settings(), slot.rate,
	     who.may_report);
}

/// fault_decide() where a look at stacks may be needed.
[[gnu::noinline]] bool decide_by_stack(const fault_slot &slot, const fault_rules &rules, fault_budget budget,
				       fault_thread &thread, const fault_draw &draw)
{
	const stack_range range = {slot.stacktrace_depth.load(relaxed), slot.require_start.load(relaxed),
				   slot.require_end.load(relaxed), slot.reject_start.load(relaxed),
				   slot.reject_end.load(relaxed)};
	return fault_decide(rules, budget, thread, filter_of(range), draw);
}

/// One slot's decision; told if it fails. In line, as most are misses that a few ns decide.
[[gnu::always_inline]] inline bool decide(fault_table &table, fault_slot &slot, size_t size, const fault_asked &who)
{
	fault_thread &thread = this_fault_thread();
	const bool by_nth = thread.nth != 0;
	// (2) to (4) of PAR-36 before what costs more; who decides by nth does not look at them.
	if (!by_nth && slot.probability.load(relaxed) == 0)
		return false;
	// As a count to look at: an increment that another thread's hides is not worth a locked instruction.
	slot.decisions.store(slot.decisions.load(relaxed) + 1, relaxed);
	if (!by_nth && slot.times.load(relaxed) == 0)
		return false;
	const auto index = static_cast<size_t>(&slot - table.slots.data());
	const fault_draw draw = {static_cast<int64_t>(size), table.seed.load(relaxed), slot.hash,
				 &fault_count_of(index)};
	const fault_rules rules = {std::min<uint64_t>(slot.probability.load(relaxed), 100), slot.interval.load(relaxed),
				   (slot.flags.load(relaxed) & fault_task_filter) != 0};
	const fault_budget budget = {slot.times, slot.space};
	const bool fails = slot.takes_any_stack() ? fault_decide(rules, budget, thread, {}, draw)
						  : decide_by_stack(slot, rules, budget, thread, draw);
	if (fails) [[unlikely]]
		tell_hit(table, slot, size, who, by_nth ? 0 : *draw.count);
	return fails;
}

/// What the kernel looks at before its attributes: masks, orders, caches.
[[gnu::always_inline]] inline bool concerns(fault_point point, const fault_slot &slot, size_t size, gfp_t mask,
					    bool cache_marked)
{
	if (point != fault_point::slab && point != fault_point::page_alloc)
		return true;
	const uint32_t flags = slot.flags.load(relaxed);
	if ((mask & __GFP_NOFAIL) != 0)
		return false;
	if ((flags & fault_ignore_gfp_wait) != 0 && (mask & __GFP_DIRECT_RECLAIM) != 0)
		return false;
	if (point == fault_point::slab)
		return (flags & fault_cache_filter) == 0 || cache_marked;
	return size >= size_t{1} << std::min(slot.min_order.load(relaxed), 31U);
}

/// The decisions of those slots that stand for the point for this pool or cache alone.
[[gnu::noinline]] bool decide_for_one(fault_table &table, fault_point point, const fault_asked &who, size_t size,
				      gfp_t mask, bool cache_marked)
{
	const uint32_t number = static_cast<uint32_t>(point) + 1;
	for (unsigned i = static_cast<unsigned>(fault_point::count); i < table.count(); i++) {
		fault_slot &slot = table.slots[i];
		if (slot.stands_for == number && slot.probability.load(relaxed) != 0 && slot.is_ready() &&
		    slot.is_for(who.name) && concerns(point, slot, size, mask, cache_marked) &&
		    decide(table, slot, size, who))
			return true;
	}
	return false;
}

} // namespace

uint64_t fault_mark::look_up(const fault_table &table, uint32_t changes, const char *name)
{
	const uint64_t known = uint64_t{fault_points_of(table, name)} << 32 | changes;
	known_.store(known, relaxed);
	return known;
}

bool fault_mark::has(fault_point point, const fault_table &table, const char *name)
{
	// acquire: pairs with the release in fault_table_note_change(), ORD-46
	const uint32_t changes = table.changes.load(std::memory_order_acquire);
	uint64_t known = known_.load(relaxed);
	if (static_cast<uint32_t>(known) != changes) [[unlikely]]
		known = look_up(table, changes, name);
	return (known >> (32 + static_cast<unsigned>(point)) & 1) != 0;
}

namespace {

/// Is the point set for him alone?
bool set_for_one(const fault_table &table, fault_point point, fault_asker who)
{
	if (who.mark != nullptr)
		return who.mark->has(point, table, who.name);
	return who.name != nullptr && (fault_points_of(table, who.name) >> static_cast<unsigned>(point) & 1) != 0;
}

[[gnu::cold, gnu::noinline]] void begin_control()
{
	const fault_scope inside;
	fault_control_begin();
}

} // namespace

bool ask_fault(fault_point point, fault_asker asker, size_t size, gfp_t mask, bool cache_marked)
{
	if (fault_mine.scope_depth != 0)
		return false;
	if (fault_control_due.load(relaxed)) [[unlikely]]
		begin_control();
	fault_table &table = fault_table_live();
	fault_slot &global = table.slots[static_cast<size_t>(point)];
	const bool by_nth = fault_mine.thread.nth != 0;
	const bool for_one = !by_nth && set_for_one(table, point, asker);
	if (!by_nth && !for_one && global.probability.load(relaxed) == 0)
		return false;

	const fault_scope inside; // what the decision itself does, such as a report, is spared
	const bool quiet =
		(point == fault_point::slab || point == fault_point::page_alloc) && (mask & __GFP_NOWARN) != 0;
	const fault_asked who = {asker.name != nullptr ? asker.name : "", !quiet};
	// A thread's nth counts each place once, however many slots it has, and only
	// those where something would fail.
	if (by_nth && (point == fault_point::mempool_free_delay || point == fault_point::mempool_drain))
		return false;
	if (concerns(point, global, size, mask, cache_marked) && decide(table, global, size, who))
		return true;
	return for_one && decide_for_one(table, point, who, size, mask, cache_marked);
}

} // namespace mp::watch

using namespace mp;
using namespace mp::watch;

namespace {

/// A point that is not registered: its attributes are its own fields.
bool decide_unregistered(fault_attr &attr, ssize_t size, int flags)
{
	const stack_range range = {static_cast<unsigned>(attr.stacktrace_depth < 32 ? attr.stacktrace_depth : 32),
				   attr.require_start, attr.require_end, attr.reject_start, attr.reject_end};
	fault_thread &thread = this_fault_thread();
	const bool by_nth = thread.nth != 0;
	std::atomic<int32_t> times{std::atomic_ref(attr.times).load(relaxed)};
	std::atomic<int32_t> space{std::atomic_ref(attr.space).load(relaxed)};
	const int32_t times_before = times.load(relaxed);
	const int32_t space_before = space.load(relaxed);
	auto count = static_cast<uint32_t>(std::atomic_ref(attr.count).load(relaxed));
	fault_settings s;
	const std::string_view name = attr.name != nullptr ? attr.name : "";
	const fault_draw draw = {size, fault_table_live().seed.load(relaxed), fault_hash(name), &count};
	const bool fails = fault_decide({attr.probability, attr.interval, attr.task_filter}, {times, space}, thread,
					filter_of(range), draw);
	std::atomic_ref(attr.count).store(count, relaxed);
	std::atomic_ref(attr.times).fetch_sub(times_before - times.load(relaxed), relaxed);
	std::atomic_ref(attr.space).fetch_sub(space_before - space.load(relaxed), relaxed);
	if (!fails)
		return false;
	s.probability = attr.probability;
	s.interval = attr.interval;
	s.times = times.load(relaxed);
	s.space = space.load(relaxed);
	s.verbose = static_cast<uint32_t>(attr.verbose);
	s.ratelimit_interval_ms = attr.verbose_ratelimit_interval_ms;
	s.ratelimit_burst = attr.verbose_ratelimit_burst;
	tell({name.empty() ? "a point without a name" : name, "", static_cast<size_t>(size), draw.seed,
	      by_nth ? 0 : count},
	     s, &attr.reserved[1], (flags & FAULT_NOWARN) == 0);
	return true;
}

} // namespace

extern "C" bool should_fail_ex(struct fault_attr *attr, ssize_t size, int flags)
{
	const fault_scope inside;
	if (!inside.may_inject())
		return false;
	if (fault_control_due.load(relaxed))
		fault_control_begin();
	if (fault_slot *slot = registered_slot(*attr))
		return decide(fault_table_live(), *slot, static_cast<size_t>(size), {"", (flags & FAULT_NOWARN) == 0});
	return decide_unregistered(*attr, size, flags);
}

extern "C" bool should_fail(struct fault_attr *attr, ssize_t size)
{
	return should_fail_ex(attr, size, 0);
}

extern "C" int mempool_fault_register(struct fault_attr *attr, const char *name)
{
	if (attr == nullptr || name == nullptr || *name == 0 || strlen(name) >= fault_name_bytes ||
	    strpbrk(name, "@.=:;, \n") != nullptr)
		return -EINVAL;
	fault_table &table = fault_table_live();
	const bool set_before = table.find(name) != nullptr; // in the environment: that wins
	fault_slot *slot = table.claim(name);
	if (slot == nullptr)
		return -ENOSPC;
	// After a mempool_fault_unregister() the name is as new.
	if (!set_before || (slot->flags.load(relaxed) & fault_left) != 0) {
		fault_settings s;
		s.probability = attr->probability;
		s.interval = attr->interval;
		s.times = attr->times;
		s.space = attr->space;
		s.verbose = static_cast<uint32_t>(attr->verbose);
		s.ratelimit_interval_ms = attr->verbose_ratelimit_interval_ms;
		s.ratelimit_burst = attr->verbose_ratelimit_burst;
		s.stacktrace_depth = static_cast<uint32_t>(attr->stacktrace_depth);
		s.flags = attr->task_filter ? fault_task_filter : 0U;
		s.require_start = attr->require_start;
		s.require_end = attr->require_end;
		s.reject_start = attr->reject_start;
		s.reject_end = attr->reject_end;
		slot->set(s);
	}
	attr->name = slot->name;
	attr->reserved[0] = static_cast<unsigned long>(slot - table.slots.data()) + 1;
	fault_table_changed();
	return 0;
}

extern "C" void mempool_fault_unregister(struct fault_attr *attr)
{
	// The slot stays for the next of this name: others may be in its decision.
	if (fault_slot *slot = registered_slot(*attr)) {
		slot->probability.store(0, relaxed);
		slot->flags.fetch_or(fault_left, relaxed);
		fault_table_changed();
	}
	attr->reserved[0] = 0;
	attr->name = nullptr;
}
