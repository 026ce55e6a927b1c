// SPDX-License-Identifier: MIT
//
// fault_table.cpp - see fault_table.hpp.
#include "mempool/watch/fault_table.hpp"

#include "mempool/watch/debug.hpp"
#include "mempool/watch/fault_decision.hpp"
#include "mempool/watch/fault_point.hpp"
#include "mempool/watch/fault_thread.hpp"

#include "reserve/base/fence.hpp"

#include <algorithm>
#include <cstring>

namespace mp::watch {

constinit std::atomic<uint32_t> armed_points{0};

namespace {
constinit fault_table own = {};
}
constinit std::atomic<fault_table *> fault_table_in_force{&own};

namespace {

constinit std::atomic<bool> published{false};

constexpr unsigned built_in_count = static_cast<unsigned>(fault_point::count);

constexpr std::string_view built_in[] = {
	"failslab",
	"fail_page_alloc",
	"fail_mempool_alloc",
	"fail_mempool_alloc_bulk",
	"fail_mempool_resize",
	"fail_mempool_create",
	"fail_kmem_cache_create",
	"delay_mempool_free",
	"drain_mempool_reserve",
};
static_assert(std::size(built_in) == built_in_count);

// Before the settings from the environment are read.
__attribute__((constructor(101))) void name_points()
{
	own.version = fault_table_version;
	own.bytes = sizeof(own);
	for (const std::string_view name : built_in)
		static_cast<void>(own.claim(name)); // in this order: the enumeration's
}

/// What may fail: bits of armed_points, and one beyond them for all other points.
uint32_t what_is_armed()
{
	constexpr auto relaxed = std::memory_order_relaxed;
	const fault_table &table = fault_table_live();
	const bool unseen = published.load(relaxed); // somebody else may set points
	uint32_t armed = unseen || fault_threads_count() ? UINT32_MAX : 0;
	for (unsigned i = 0; i < table.count(); i++) {
		const fault_slot &slot = table.slots[i];
		if (!slot.is_ready())
			continue;
		const unsigned number = slot.stands_for != 0 ? slot.stands_for - 1U : i;
		if (slot.probability.load(relaxed) != 0)
			armed |= 1U << std::min(number, built_in_count);
	}
	return armed;
}

} // namespace

std::string_view fault_slot::text() const
{
	return {name, strnlen(name, sizeof(name))};
}

bool fault_slot::is_for(const char *whose) const
{
	const size_t at = std::min<size_t>(name_at, sizeof(name) - 1);
	return strncmp(name + at, whose, sizeof(name) - at) == 0;
}

fault_settings fault_slot::settings() const
{
	constexpr auto relaxed = std::memory_order_relaxed;
	fault_settings s;
	s.probability = std::min<uint64_t>(probability.load(relaxed), 100);
	s.interval = interval.load(relaxed);
	s.times = std::max(times.load(relaxed), -1);
	s.space = std::max(space.load(relaxed), 0);
	s.verbose = verbose.load(relaxed);
	s.stacktrace_depth = std::min(stacktrace_depth.load(relaxed), 32U);
	s.flags = flags.load(relaxed);
	s.min_order = min_order.load(relaxed);
	s.ratelimit_interval_ms = ratelimit_interval_ms.load(relaxed);
	s.ratelimit_burst = ratelimit_burst.load(relaxed);
	s.require_start = require_start.load(relaxed);
	s.require_end = require_end.load(relaxed);
	s.reject_start = reject_start.load(relaxed);
	s.reject_end = reject_end.load(relaxed);
	return s;
}

void fault_slot::set(const fault_settings &to)
{
	constexpr auto relaxed = std::memory_order_relaxed;
	interval.store(to.interval, relaxed);
	times.store(to.times, relaxed);
	space.store(to.space, relaxed);
	verbose.store(to.verbose, relaxed);
	stacktrace_depth.store(to.stacktrace_depth, relaxed);
	flags.store(to.flags, relaxed);
	min_order.store(to.min_order, relaxed);
	ratelimit_interval_ms.store(to.ratelimit_interval_ms, relaxed);
	ratelimit_burst.store(to.ratelimit_burst, relaxed);
	require_start.store(to.require_start, relaxed);
	require_end.store(to.require_end, relaxed);
	reject_start.store(to.reject_start, relaxed);
	reject_end.store(to.reject_end, relaxed);
	probability.store(to.probability, relaxed); // last: nothing fails by half a setting
}

unsigned fault_table::count() const
{
	return std::min(used.load(std::memory_order_relaxed), fault_slots);
}

fault_slot *fault_table::find(std::string_view name)
{
	const auto end = slots.begin() + count();
	const auto slot =
		std::find_if(slots.begin(), end, [&](const fault_slot &s) { return s.is_ready() && s.text() == name; });
	return slot != end ? &*slot : nullptr;
}

unsigned fault_table::room() const
{
	return static_cast<unsigned>(std::count_if(slots.begin(), slots.end(), [](const fault_slot &s) {
		return s.state.load(std::memory_order_relaxed) == fault_slot::unused;
	}));
}

fault_slot *fault_table::claim(std::string_view name)
{
	if (name.empty() || name.size() >= fault_name_bytes)
		return nullptr;
	if (fault_slot *known = find(name))
		return known;
	for (unsigned i = 0; i < fault_slots; i++) {
		fault_slot &slot = slots[i];
		uint32_t none = fault_slot::unused;
		if (!slot.state.compare_exchange_strong(none, fault_slot::claimed, std::memory_order_relaxed))
			continue;
		memcpy(slot.name, name.data(), name.size());
		slot.name[name.size()] = 0;
		slot.hash = fault_hash(name);
		const size_t mark = name.find('@');
		const fault_slot *of = mark != std::string_view::npos ? find({name.data(), mark}) : nullptr;
		slot.stands_for = of != nullptr ? static_cast<uint16_t>(of - slots.data() + 1) : uint16_t{0};
		slot.name_at = static_cast<uint16_t>(of != nullptr ? mark + 1 : 0);
		slot.set({});
		uint32_t seen = used.load(std::memory_order_relaxed);
		while (seen <= i && !used.compare_exchange_weak(seen, i + 1, std::memory_order_relaxed)) {}
		// release: pairs with the acquire in is_ready(), ORD-40
		slot.state.store(fault_slot::ready, std::memory_order_release);
		return &slot;
	}
	return nullptr;
}

void fault_table_adopt(void *memory)
{
	auto *to = static_cast<fault_table *>(memory);
	fault_table &from = fault_table_live();
	memcpy(memory, static_cast<const void *>(&from), sizeof(*to));
	// release: pairs with the acquire in fault_table_live(), ORD-40
	fault_table_in_force.store(to, std::memory_order_release);
	published.store(true, std::memory_order_relaxed);
	fault_table_changed();
}

void fault_table_leave()
{
	fault_table &from = fault_table_live();
	memcpy(static_cast<void *>(&own), static_cast<const void *>(&from), sizeof(own));
	fault_table_note_change(own); // as a setting may have been made during the copy
	// release: as in fault_table_adopt(), ORD-40
	fault_table_in_force.store(&own, std::memory_order_release);
}

void fault_table_note_change(fault_table &table)
{
	// release: pairs with the acquire in fault_mark::has(), ORD-46
	table.changes.fetch_add(1, std::memory_order_release);
}

void fault_table_changed()
{
	fault_table_note_change(fault_table_live());
	// Who changes something else meanwhile looks later than he changed it, and so
	// do we: the last of all looks sees all changes, ORD-42.
	uint32_t armed = 0;
	do {
		armed = what_is_armed();
		armed_points.store(armed, std::memory_order_seq_cst);
		const unsigned bits = ((armed & alloc_points) != 0 ? fault_armed : 0) |
				      ((armed & free_points) != 0 ? delay_armed : 0);
		watch_word.fetch_or(bits, std::memory_order_seq_cst);
		watch_word.fetch_and(~(faults_alone & ~bits), std::memory_order_seq_cst);
		base::fence(std::memory_order_seq_cst); // ORD-42
	} while (what_is_armed() != armed);
}

uint32_t fault_points_of(const fault_table &table, const char *name)
{
	uint32_t points = 0;
	for (unsigned i = built_in_count; i < table.count(); i++) {
		const fault_slot &slot = table.slots[i];
		if (slot.is_ready() && slot.stands_for != 0 && slot.stands_for <= built_in_count &&
		    slot.probability.load(std::memory_order_relaxed) != 0 && slot.is_for(name))
			points |= 1U << (slot.stands_for - 1U);
	}
	return points;
}

fault_slot *registered_slot(const fault_attr &attr)
{
	const unsigned long number = attr.reserved[0];
	return number != 0 && number <= fault_slots ? &fault_table_live().slots[number - 1] : nullptr;
}

int each_point(fault_table &table, int (*visit)(const mempool_fault_point *point, void *arg), void *arg)
{
	for (unsigned i = 0; i < table.count(); i++) {
		const fault_slot &slot = table.slots[i];
		if (!slot.is_ready())
			continue;
		const fault_settings s = slot.settings();
		mempool_fault_point p = {};
		p.size = sizeof(p);
		const std::string_view name = slot.text();
		memcpy(p.name, name.data(), std::min(name.size(), sizeof(p.name) - 1));
		p.probability = s.probability;
		p.interval = s.interval;
		p.times = s.times;
		p.space = s.space;
		p.verbose = s.verbose;
		p.verbose_ratelimit_interval_ms = s.ratelimit_interval_ms;
		p.verbose_ratelimit_burst = s.ratelimit_burst;
		p.stacktrace_depth = s.stacktrace_depth;
		p.task_filter = (s.flags & fault_task_filter) != 0;
		p.ignore_gfp_wait = (s.flags & fault_ignore_gfp_wait) != 0;
		p.cache_filter = (s.flags & fault_cache_filter) != 0;
		p.min_order = s.min_order;
		p.require_start = s.require_start;
		p.require_end = s.require_end;
		p.reject_start = s.reject_start;
		p.reject_end = s.reject_end;
		p.decisions = slot.decisions.load(std::memory_order_relaxed);
		p.failures = slot.failures.load(std::memory_order_relaxed);
		if (const int result = visit(&p, arg))
			return result;
	}
	return 0;
}

} // namespace mp::watch
