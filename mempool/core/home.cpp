// SPDX-License-Identifier: MIT
//
// home.cpp - see home.hpp.
#include "mempool/core/home.hpp"

#include "mempool/backing/headroom.hpp"
#include "mempool/core/element.hpp"

#include "reserve/base/fence.hpp"
#include "reserve/pinned.hpp"

#include <algorithm>
#include <cerrno>

namespace mp::core {
namespace {

/// Where a free looks first: around all elements of the arena.
void note_hull(mempool_t &pool, const mempool_control &control)
{
	// Whoever sees the start sees the length, and each mixture covers the old hull.
	// release: pairs with the acquire fence in mempool_free(), ORD-15
	std::atomic_ref(pool.home_bytes).store(control.arena.hull_bytes(), std::memory_order_release);
	std::atomic_ref(pool.home_start).store(control.arena.hull_start(), std::memory_order_release);
}

} // namespace

void settle_spares(mempool_t &pool, mempool_control &control)
{
	while (control.arena.has_spare() && control.reserve.has_room()) {
		void *spare = control.arena.take_spare();
		if (spare == nullptr)
			return;
		if (!give_entry(pool, control, entry_for(control, spare))) {
			control.arena.put_spare(spare);
			return;
		}
		control.counters.add(count_filled);
		MP_TRACE(reserve_fill, control.traced, control.reserve.store().level(), 1);
	}
}

bool give_spare(mempool_t &pool, mempool_control &control, void *element)
{
	void *spare = control.arena.take_spare();
	if (spare == nullptr)
		return false;
	if (!give_entry(pool, control, entry_for(control, spare))) {
		control.arena.put_spare(spare);
		return false;
	}
	free_to_backing(pool, control, element);
	return true;
}

void bring_home(mempool_t &pool, mempool_control &control, void *element)
{
	void *entry = entry_for(control, element);
	// A guest may leave, or a gap be filled, between the two looks.
	for (int tries = 0; tries < 3; tries++) {
		if (give_entry(pool, control, entry))
			return;
		if (void *guest = control.reserve.store().swap_guest(entry)) {
			control.counters.add(count_frees);
			MP_TRACE(replace, control.traced, element, bare(control, guest));
			return free_to_backing(pool, control, element_of(pool, control, guest));
		}
	}
	control.counters.add(count_frees);
	control.arena.put_spare(element_of(pool, control, entry));
	// seq_cst: pairs with the store's own operations in a sleeper's last look, ORD-16
	base::fence(std::memory_order_seq_cst);
	settle_spares(pool, control);
}

namespace {

/// Rather no reserve than a process that is killed for it. False, with errno.
bool grow_within_limits(mempool_control &control, size_t elements)
{
	backing::headroom &room = backing::process_headroom();
	const bool watched = room.look();
	const size_t bytes = control.arena.bytes_for(elements);
	if (watched && (!room.ask_space(bytes, GFP_KERNEL) || !room.ask_pages(bytes, GFP_KERNEL))) {
		errno = ENOMEM;
		return false;
	}
	const size_t before = control.arena.bytes();
	const bool grown = control.arena.grow(elements);
	const int grow_errno = errno;
	if (watched) {
		const size_t more = grown ? control.arena.bytes() - before : 0;
		room.pages_done(bytes, more);
		control.home_counted_bytes += more;
	}
	errno = grow_errno;
	return grown;
}

} // namespace

int make_home(mempool_t &pool, mempool_control &control, int elements)
{
	const size_t have = control.arena.elements();
	if (!control.arena.used() || have >= static_cast<size_t>(elements))
		return 0;
	if (!grow_within_limits(control, static_cast<size_t>(elements) - have))
		return -errno;
	const int error = missing_residency(pool, control);
	if (error != 0) {
		control.arena.drop_grown();
		return error;
	}
	note_hull(pool, control);
	control.arena.offer_grown();
	return 0;
}

void dismiss(mempool_t &pool, mempool_control &control, void *entry)
{
	void *element = element_of(pool, control, entry);
	if (control.arena.used() && control.arena.owns(element))
		control.arena.put_spare(element);
	else
		free_to_backing(pool, control, element);
}

void hold_in_place(mempool_control &control, void *element)
{
	if (!in_place(control))
		return;
	const reserve::resident_range pages = reserve::pages_around(element, control.element_bytes);
	static_cast<void>(base::keep_unmerged(pages.start, pages.bytes));
	if (!base::lock_pages(pages.start, pages.bytes))
		control.in_place_error.store(errno, std::memory_order_relaxed);
	static_cast<void>(base::populate(pages.start, pages.bytes));
}

void hold_adopted(const mempool_control &control, void *element)
{
	if (!in_place(control)) [[likely]]
		return;
	// One that was here before is locked, which the kernel sees at once. Of one
	// that cannot be locked the certificate says so.
	const int kept_errno = errno;
	const reserve::resident_range pages = reserve::pages_around(element, control.element_bytes);
	if (!base::lock_pages(pages.start, pages.bytes))
		static_cast<void>(base::populate(pages.start, pages.bytes));
	errno = kept_errno;
}

bool keep_unmerged_in_place(const mempool_control &control, const void *element)
{
	const reserve::resident_range pages = reserve::pages_around(element, control.element_bytes);
	return base::keep_unmerged(pages.start, pages.bytes);
}

int missing_residency(const mempool_t &pool, const mempool_control &control)
{
	if (control.residency != MEMPOOL_RESIDENCY_REQUIRED)
		return 0;
	int error = control.arena.used() ? control.arena.lock_error()
					 : control.in_place_error.load(std::memory_order_relaxed);
	if (error == 0)
		error = reserve::pinned_lock_error(&control);
	if (error == 0)
		error = control.host_page.start != nullptr ? control.host_page.lock_error
							   : reserve::pinned_lock_error(&pool);
	return -error;
}

void report_missing_residency(const mempool_t &pool, const mempool_control &control, int error)
{
	const char *why = error == EPERM    ? "RLIMIT_MEMLOCK is 0, and CAP_IPC_LOCK is not held"
			  : error == ENOMEM ? "RLIMIT_MEMLOCK is too low, or there is no memory"
					    : "the kernel could not";
	base::report(base::severity::bug)
		.line("cannot initialise a pool: residency is required, and its memory cannot be locked: %s (errno %d)",
		      why, error)
		.line("pool '%s' %p, min_nr %d", control.name, static_cast<const void *>(&pool), pool.min_nr)
		.emit();
}

void renew_after_fork(mempool_control &control)
{
	if (!in_place(control))
		return;
	control.reserve.store().each_entry([&](void *entry) {
		const uintptr_t address = reinterpret_cast<uintptr_t>(entry) & ~control.entry_bits;
		const reserve::resident_range pages = reserve::pages_around(
			reinterpret_cast<void *>(address), control.element_bytes); // NOLINT(performance-no-int-to-ptr)
		static_cast<void>(base::lock_pages(pages.start, pages.bytes));
		static_cast<void>(base::populate(pages.start, pages.bytes));
	});
}

void leave_parents_home(mempool_t &pool, mempool_control &control)
{
	if (!control.arena.used() || control.at_fork == MEMPOOL_AT_FORK_COPY)
		return;
	auto &store = control.reserve.store();
	while (store.take_resident() != nullptr) // what they stood for is not there any more
		control.counters.add(count_withdrawn);
	if (control.arena.in_child()) {
		// The next call finds no short way, and refills first.
		// After two forks without a use in between it was put away already.
		if (pool.ready != nullptr)
			control.kept_ways[0] = pool.ready;
		if (pool.takes_back != nullptr)
			control.kept_ways[1] = pool.takes_back;
		pool.ready = pool.takes_back = nullptr;
		control.refill.store(true, std::memory_order_relaxed);
	} else {
		pool.home_bytes = 0;
	}
}

void refill_in_child(mempool_t &pool, mempool_control &control)
{
	if (!control.refill.exchange(false, std::memory_order_relaxed))
		return;
	if (!control.arena.make_resident_again())
		base::report(base::severity::warning)
			.line("the reserve of a child cannot be made resident: errno %d", errno)
			.line("pool '%s' %p", control.name, static_cast<void *>(&pool))
			.emit();
	settle_spares(pool, control);
	std::atomic_ref(pool.ready).store(control.kept_ways[0], std::memory_order_release);
	std::atomic_ref(pool.takes_back).store(control.kept_ways[1], std::memory_order_release);
}

} // namespace mp::core
