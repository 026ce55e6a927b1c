// SPDX-License-Identifier: MIT
//
// element.cpp - see element.hpp.
#include "mempool/core/element.hpp"

#include "mempool/watch/debug.hpp"
#include "mempool/watch/poison.hpp"

#include "reserve/base/report.hpp"

#include <cstdint>

namespace mp::core {
namespace {

void check_poison(const mempool_t &pool, const mempool_control &control, void *element)
{
	const size_t size_bytes = control.element_bytes;
	const size_t wrong = watch::poison_damage(element, size_bytes);
	if (wrong == size_bytes) {
		watch::poison_as_in_use(element, size_bytes);
		return;
	}
	MP_TRACE(poison, control.traced, element, wrong);
	base::report(base::severity::bug)
		.line("mempool element poison mismatch")
		.line("pool '%s' %p, size %zu, nr %d, element %p", control.name, static_cast<const void *>(&pool),
		      size_bytes, control.reserve.store().level(), element)
		.bytes(element, size_bytes, wrong)
		.emit();
}

} // namespace

void *marked_entry_for(const mempool_control &control, void *element)
{
	if (is_poisoned(element)) [[unlikely]]
		base::fatal("pool '%s': element %p lies at an odd address, although element_size was given",
			    control.name, element);
	auto *entry = static_cast<char *>(element);
	if (control.arena.used() && !control.arena.owns(element))
		entry += reserve::guest_bit;
	if (watch::debug_on(MEMPOOL_DEBUG_POISON)) {
		watch::poison(element, control.element_bytes);
		entry += poisoned_bit;
	}
	return entry;
}

void *checked_element_of(const mempool_t &pool, const mempool_control &control, void *entry)
{
	const uintptr_t bits = reinterpret_cast<uintptr_t>(entry) & control.entry_bits;
	void *element = static_cast<char *>(entry) - bits;
	if ((bits & poisoned_bit) != 0)
		check_poison(pool, control, element);
	return element;
}

bool note_free(const mempool_t &pool, mempool_control &control, const void *element)
{
	if (!control.tracks)
		return true;
	if (control.proves)
		watch::check_owner(control.contended, element);
	base::stack_trace freed_by;
	const watch::tracker::verdict verdict = control.tracker.note_free(element, freed_by);
	if (verdict == watch::tracker::verdict::fine)
		return true;

	const bool twice = verdict == watch::tracker::verdict::double_free;
	base::report r(base::severity::bug);
	r.line(twice ? "double free: the element is free already" : "foreign free: the element never left this pool");
	r.line("pool '%s' %p, element %p", control.name, static_cast<const void *>(&pool), element);
	if (twice)
		r.stack("freed by", freed_by);
	r.emit();
	return false;
}

void note_left(mempool_control &control, const void *element)
{
	if (control.tracks)
		control.tracker.note_left(element);
}

void report_leaks(const mempool_t &pool, mempool_control &control)
{
	if (!control.tracks)
		return;
	const void *one = nullptr;
	base::stack_trace taken_by;
	const size_t out = control.tracker.count_out(&one, taken_by);
	if (out > 0)
		base::report(base::severity::bug)
			.line("%zu elements are still out when the pool ends", out)
			.line("pool '%s' %p, one of them is element %p", control.name, static_cast<const void *>(&pool),
			      one)
			.stack("taken by", taken_by)
			.emit();
}

bool start_tracking(mempool_control &control)
{
	if (!watch::debug_on(MEMPOOL_DEBUG_TRACK | MEMPOOL_DEBUG_DEADLOCK))
		return true;
	control.tracks = control.tracker.init();
	watch::watch_for(watch::tracker_seen);
	control.proves = control.tracks && watch::debug_on(MEMPOOL_DEBUG_DEADLOCK);
	control.contended.pool = &control;
	control.contended.name = control.name;
	control.contended.elements = &control.tracker;
	control.contended.level = [](const void *c) {
		return static_cast<const mempool_control *>(c)->reserve.store().level();
	};
	control.contended.target = [](const void *c) {
		return static_cast<const mempool_control *>(c)->reserve.store().target();
	};
	return control.tracks;
}

} // namespace mp::core
