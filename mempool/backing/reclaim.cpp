// SPDX-License-Identifier: MIT
//
// reclaim.cpp - see reclaim.hpp and shrinker.h.
#include "mempool/backing/reclaim.hpp"

#include "mempool/backing/cache.hpp"
#include "mempool/shrinker.h"
#include "mempool/watch/registry.hpp"
#include "mempool/watch/trace.hpp"

#include "reserve/base/clock.hpp"
#include "reserve/base/counted_lock.hpp"
#include "reserve/base/futex.hpp"
#include "reserve/base/report.hpp"
#include "reserve/pinned.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <new>

namespace mp::backing {
namespace {

/// Guests in the order in which they came.
struct guest_list {
	reclaim_guest *first = nullptr;
	reclaim_guest *last = nullptr;
};
constinit base::counted_lock guests_lock;
constinit guest_list guests[2];
constinit base::futex_word departures{0}; // changes when a walker leaves a guest that is leaving

constinit thread_local bool inside = false;
constinit thread_local reclaim_guest *visited = nullptr; // the guest that this thread is at

/// From a guest to the next one that stays; nullptr is before the first, and behind the last.
reclaim_guest *step(guest_kind kind, reclaim_guest *from)
{
	const std::lock_guard guard(guests_lock);
	reclaim_guest *to = from != nullptr ? from->next : guests[static_cast<unsigned>(kind)].first;
	while (to != nullptr && to->leaving)
		to = to->next;
	if (to != nullptr)
		to->walkers++;
	if (from != nullptr && --from->walkers == 0 && from->leaving) {
		// relaxed: the lock orders all else; the word only ends a sleep.
		departures.fetch_add(1, std::memory_order_relaxed);
		base::futex_wake(&departures, INT32_MAX);
	}
	visited = to;
	return to;
}

template <class Visit> uint64_t each_guest(guest_kind kind, Visit visit)
{
	uint64_t sum = 0;
	for (reclaim_guest *g = step(kind, nullptr); g != nullptr; g = step(kind, g))
		sum += visit(g->object);
	return sum;
}

uint64_t ask(shrinker &s, gfp_t gfp_mask, unsigned shift)
{
	constexpr unsigned long default_batch = 128;
	shrink_control sc = {gfp_mask, 0, 0, 0};
	const unsigned long have = s.count_objects(&s, &sc);
	if (have == 0 || have == SHRINK_EMPTY)
		return 0;
	const unsigned long batch = s.batch > 0 ? static_cast<unsigned long>(s.batch) : default_batch;
	// Never less than a batch, so that the last few can be had, too.
	unsigned long left = std::max(have >> shift, std::min(have, batch));
	uint64_t freed = 0;
	while (left > 0) {
		sc.nr_to_scan = sc.nr_scanned = std::min(left, batch);
		const unsigned long now = s.scan_objects(&s, &sc);
		if (now == SHRINK_STOP)
			break;
		freed += now;
		if (sc.nr_scanned == 0)
			break; // it would be asked for ever
		left -= std::min(left, sc.nr_scanned);
	}
	return freed;
}

void thaw_in_child(void *)
{
	// The parent's other threads are at no guest here.
	for (const guest_list &list : guests)
		for (reclaim_guest *g = list.first; g != nullptr; g = g->next)
			g->walkers = g == visited ? 1 : 0;
	guests_lock.reset_in_child();
}

__attribute__((constructor(104))) void register_reclaim()
{
	static constexpr watch::fork_ops at_fork = {
		[](void *) { guests_lock.lock(); },
		[](void *) { guests_lock.unlock(); },
		thaw_in_child,
	};
	static constinit watch::registry_entry entry;
	static_cast<void>(watch::registry_add(watch::registry_kind::memory, entry, nullptr, &at_fork));
}

} // namespace

void reclaim_add(guest_kind kind, reclaim_guest &guest, void *object)
{
	guest_list &list = guests[static_cast<unsigned>(kind)];
	const std::lock_guard guard(guests_lock);
	guest.object = object;
	guest.previous = list.last;
	(list.last != nullptr ? list.last->next : list.first) = &guest;
	list.last = &guest;
}

void reclaim_remove(guest_kind kind, reclaim_guest &guest)
{
	guest_list &list = guests[static_cast<unsigned>(kind)];
	for (;;) {
		const uint32_t seen = departures.load(std::memory_order_relaxed);
		{
			const std::lock_guard guard(guests_lock);
			guest.leaving = true;
			// A walker needs the guest's links until it has left.
			if (guest.walkers == 0) {
				(guest.previous != nullptr ? guest.previous->next : list.first) = guest.next;
				(guest.next != nullptr ? guest.next->previous : list.last) = guest.previous;
				return;
			}
		}
		base::futex_wait(departures, seen, base::never_ns);
	}
}

bool reclaiming()
{
	return inside;
}

bool may_reclaim(gfp_t gfp_mask)
{
	return (gfp_mask & __GFP_DIRECT_RECLAIM) != 0 && !inside && !base::holds_locks();
}

uint64_t reclaim_round(gfp_t gfp_mask, unsigned shift)
{
	inside = true;
	uint64_t freed = each_guest(guest_kind::cache,
				    [](void *cache) { return shrink_cache(*static_cast<kmem_cache *>(cache)); });
	freed += each_guest(guest_kind::shrinker,
			    [&](void *s) { return ask(*static_cast<shrinker *>(s), gfp_mask, shift); });
	inside = false;
	MP_TRACE(reclaim, trace::nobody, gfp_mask, shift, freed);
	return freed;
}

namespace {

/// What shrinker_alloc() makes; the public part comes first.
struct made_shrinker {
	shrinker face;
	reclaim_guest guest;
	bool registered;
	char name[64];
};

made_shrinker &made(shrinker *s)
{
	return *reinterpret_cast<made_shrinker *>(s);
}

} // namespace

} // namespace mp::backing

using namespace mp;
using namespace mp::backing;

extern "C" struct shrinker *shrinker_alloc(unsigned int flags, const char *fmt, ...)
{
	if (flags != 0 || fmt == nullptr) {
		base::report(base::severity::bug)
			.line("shrinker_alloc: %s, flags %#x", fmt == nullptr ? "no name" : "unknown flags", flags)
			.emit();
		errno = EINVAL;
		return nullptr;
	}
	void *block = reserve::pinned_alloc(sizeof(made_shrinker));
	if (block == nullptr) {
		errno = ENOMEM;
		return nullptr;
	}
	auto *s = new (block) made_shrinker{};
	s->face.seeks = DEFAULT_SEEKS;
	va_list args;
	va_start(args, fmt);
	vsnprintf(s->name, sizeof(s->name), fmt, args);
	va_end(args);
	return &s->face;
}

extern "C" void shrinker_register(struct shrinker *shrinker)
{
	made_shrinker &s = made(shrinker);
	if (s.registered || shrinker->count_objects == nullptr || shrinker->scan_objects == nullptr) {
		base::report(base::severity::bug)
			.line("shrinker_register: '%s' %s", s.name,
			      s.registered ? "is registered already" : "lacks a callback")
			.emit();
		return;
	}
	s.registered = true;
	reclaim_add(guest_kind::shrinker, s.guest, shrinker);
}

extern "C" void shrinker_free(struct shrinker *shrinker)
{
	if (shrinker == nullptr)
		return;
	made_shrinker &s = made(shrinker);
	if (reclaiming()) {
		base::report(base::severity::bug)
			.line("shrinker_free: '%s' would wait for the callback that calls it", s.name)
			.emit();
		return;
	}
	if (s.registered)
		reclaim_remove(guest_kind::shrinker, s.guest);
	reserve::pinned_free(&s, sizeof(made_shrinker));
}
