// SPDX-License-Identifier: MIT
//
// bulk.cpp - several elements at once (PAR-17, PAR-18, PAR-25). See mempool.h.
//
// Race table: everything here may run in any threads at the same time.
#include "mempool/core/faults.hpp"
#include "mempool/core/home.hpp"
#include "mempool/core/masks.hpp"
#include "mempool/core/pass.hpp"
#include "mempool/watch/context.hpp"

#include "reserve/base/report.hpp"

#include <algorithm>
#include <climits>
#include <span>

namespace mp::core {
namespace {

using slot_span = std::span<void *>;

int count_missing(slot_span elems)
{
	return static_cast<int>(std::count(elems.begin(), elems.end(), nullptr));
}

/// One pass over the backing, upwards, up to its first NULL. Says what is still missing.
int ask_backing(mempool_t &pool, mempool_control &control, slot_span elems, int missing, gfp_t mask)
{
	MP_TRACE(pass_begin, control.traced, mask == full_mask(GFP_KERNEL) ? 2 : 1, mask);
	for (auto slot = elems.begin(); slot != elems.end() && missing > 0; ++slot) {
		if (*slot != nullptr)
			continue;
		*slot = alloc_from_backing(pool, control, mask);
		if (*slot == nullptr) {
			control.counters.add(count_backing_failures);
			MP_TRACE(backing_fail, control.traced, mask, control.reserve.store().level());
			break;
		}
		control.counters.add(count_allocs);
		missing--;
	}
	return missing;
}

/// All that is missing from the reserve, or nothing.
bool ask_reserve(mempool_t &pool, mempool_control &control, slot_span elems, int missing)
{
	if (!control.reserve.take_into_gaps(elems.data(), static_cast<int>(elems.size()), missing)) {
		control.watchers.note_given(pool); // it may have put back what others did not find
		return false;
	}
	control.watchers.note_taken(pool);
	MP_TRACE(reserve_take, control.traced, 0, control.reserve.store().level(), missing);
	// The marks of poisoned entries tell which slots these are.
	for (void *&slot : elems)
		slot = element_of(pool, control, slot);
	return true;
}

void warn_if_too_many(const mempool_t &pool, const mempool_control &control, size_t count)
{
	static constinit std::atomic<bool> given{false};
	if (count > static_cast<size_t>(min_nr_of(pool)) && base::first_time(given))
		base::report(base::severity::warning)
			.line("mempool_alloc_bulk of %zu elements, and the reserve holds %d: it may sleep for ever",
			      count, min_nr_of(pool))
			.line("pool '%s' %p", control.name, static_cast<const void *>(&pool))
			.emit();
}

void report_hopeless(const mempool_t &pool, const mempool_control &control, size_t count)
{
	if (count <= static_cast<size_t>(control.reserve.store().target()))
		return;
	base::report(base::severity::bug)
		.line("mempool_alloc_bulk of %zu elements has slept for 5 s: the reserve of %d can never serve it",
		      count, min_nr_of(pool))
		.line("pool '%s' %p", control.name, static_cast<const void *>(&pool))
		.emit();
}

void fill_slots(mempool_t &pool, mempool_control &control, slot_span elems, int missing)
{
	const gfp_t full = full_mask(GFP_KERNEL);
	gfp_t mask = first_mask(full);
	waiting sleeps(control, "mempool_alloc_bulk", base::never_ns);
	bool told = false;
	bool ask = !fault_at(watch::fault_point::mempool_alloc_bulk, control); // PAR-38: once, and not in later passes
	for (;;) {
		if (ask)
			missing = ask_backing(pool, control, elems, missing, mask);
		ask = true;
		if (missing == 0 || ask_reserve(pool, control, elems, missing))
			return;
		if (mask != full) {
			mask = full; // what it adds may make the reserve suffice
			continue;
		}
		if (sleeps.sleep(missing) != waiting::end::retry)
			continue;
		free_delayed(pool, control);
		if (!told)
			report_hopeless(pool, control, elems.size());
		told = true;
	}
}

/// Elements up to here must not stay with the caller, who would give them to the backing.
size_t last_of_home(const mempool_control &control, slot_span elems)
{
	size_t end = control.arena.used() ? elems.size() : 0;
	while (end > 0 && !control.arena.owns(elems[end - 1]))
		end--;
	return end;
}

/// Into the reserve, or where else it belongs.
void free_one(mempool_t &pool, mempool_control &control, void *element)
{
	if (control.arena.owns(element))
		return bring_home(pool, control, element);
	if (give_entry(pool, control, entry_for(control, element)))
		return;
	control.counters.add(count_frees);
	free_to_backing(pool, control, element);
}

/// mempool_free_bulk() where the pool has memory of its own: what is before the
/// last element that lies there is taken, too, and what the reserve does not
/// want of it goes to the backing.
unsigned free_home(mempool_t &pool, mempool_control &control, slot_span elems)
{
	const size_t must = last_of_home(control, elems);
	size_t taken = 0;
	for (; taken < must; taken++)
		free_one(pool, control, elems[taken]);
	while (taken < elems.size() && give_entry(pool, control, entry_for(control, elems[taken])))
		taken++;
	return static_cast<unsigned>(taken);
}

/// mempool_free_bulk() where each element must be looked at on its way.
unsigned free_each(mempool_t &pool, mempool_control &control, slot_span elems)
{
	const watch::inside_call call(proven(control));
	const size_t must = last_of_home(control, elems);
	size_t taken = 0;
	for (; taken < elems.size() && (taken < must || control.reserve.has_room()); taken++) {
		void *element = elems[taken];
		if (!note_free(pool, control, element))
			continue; // a double or foreign free: reported, and kept from everybody
		if (taken < must)
			free_one(pool, control, element);
		else if (hold_adopted(control, element); !give_entry(pool, control, entry_for(control, element)))
			break; // others were faster: it stays with the caller
	}
	for (const void *element : elems.subspan(taken))
		note_left(control, element);
	return static_cast<unsigned>(taken);
}

unsigned told(const mempool_control &control, unsigned count, unsigned taken)
{
	MP_TRACE(free_bulk, control.traced, count, taken, control.reserve.store().level());
	return taken;
}

} // namespace
} // namespace mp::core

using namespace mp;
using namespace mp::core;

extern "C" int mempool_alloc_bulk(mempool_t *pool, void **elems, unsigned int count, unsigned int allocated)
{
	mempool_control &control = control_of(pool, "mempool_alloc_bulk");
	if (count > INT_MAX)
		base::fatal("mempool_alloc_bulk: %u elements are too many (pool '%s')", count, control.name);
	const bool watched = watch::watching();
	const watch::inside_call call(proven(control));
	if (watched) [[unlikely]]
		watch::check_may_alloc(GFP_KERNEL, "mempool_alloc_bulk", control.name);

	const slot_span slots(elems, count);
	warn_if_too_many(*pool, control, count);
	const int missing = count_missing(slots);
	if (static_cast<unsigned>(missing) + allocated != count)
		base::report(base::severity::warning)
			.line("mempool_alloc_bulk: %u of %u slots are said to be filled; counted %u", allocated, count,
			      count - static_cast<unsigned>(missing))
			.line("pool '%s' %p", control.name, static_cast<const void *>(pool))
			.emit();
	if (missing == 0)
		return 0;

	fill_slots(*pool, control, slots, missing);
	MP_TRACE(alloc_bulk, control.traced, count, missing, control.reserve.store().level());
	if (watched) [[unlikely]]
		for (const void *element : slots) // those that were out before are only noted again
			note_alloc(control, element);
	return 0;
}

extern "C" unsigned int mempool_free_bulk(mempool_t *pool, void **elems, unsigned int count)
{
	mempool_control &control = control_of(pool, "mempool_free_bulk");
	// acquire: pairs with the release fences in the store, ORD-1
	base::fence(std::memory_order_acquire);
	if (watch::watching()) [[unlikely]]
		return told(control, count, free_each(*pool, control, {elems, count}));
	if (control.arena.used())
		return told(control, count, free_home(*pool, control, {elems, count}));
	const int wanted = static_cast<int>(std::min<unsigned>(count, INT_MAX));
	const auto &store = control.reserve.store();
	for (int i = 0; i < std::min(wanted, store.target() - store.level()); i++)
		hold_adopted(control, elems[i]);
	const int given = control.reserve.give_many(elems, wanted);
	if (given > 0)
		control.watchers.note_given(*pool);
	return told(control, count, static_cast<unsigned>(given));
}
