// SPDX-License-Identifier: MIT
//
// alloc.cpp - one element (PAR-8 to PAR-16). See mempool.h.
//
//   backing, first mask -> reserve -> backing, full mask -> reserve -> sleep, and again
//
// Race table: everything here may run in any threads at the same time.
#include "mempool/backing/faults.hpp"
#include "mempool/core/element.hpp"
#include "mempool/core/faults.hpp"
#include "mempool/core/masks.hpp"
#include "mempool/core/pass.hpp"
#include "mempool/core/publish.hpp"
#include "mempool/watch/context.hpp"

#include <cerrno>

namespace mp::core {
namespace {

// MEMPOOL_PUBLISH works in programs that link the library statically, too.
[[gnu::used]] const char *const keep_publishing = &publishing;

/// The first pass and the reserve had nothing: the second pass, sleep, and again.
[[gnu::noinline]] void *alloc_patiently(mempool_t &pool, mempool_control &control, gfp_t full, uint64_t deadline_ns,
					const char *caller)
{
	waiting sleeps(control, caller, deadline_ns);
	gfp_t mask = first_mask(full);
	for (;;) {
		int error = 0;
		switch (after_pass(mask, full)) {
		case next::second_pass:
			mask = full;
			break;
		case next::sleep:
			if (const waiting::end how = sleeps.sleep(1); how == waiting::end::deadline)
				error = ETIMEDOUT;
			else if (how == waiting::end::retry)
				free_delayed(pool, control); // nobody who waits is held up for ever
			break;
		case next::give_up:
			error = ENOMEM;
			break;
		}
		if (error != 0) {
			if (void *entry = take_last_entry(pool, control))
				return element_of(pool, control, entry);
			control.counters.add(count_failures);
			MP_TRACE(alloc_fail, control.traced, full, error, control.reserve.store().level());
			errno = error;
			return nullptr;
		}
		MP_TRACE(pass_begin, control.traced, 2, mask);
		if (void *element = ask_backing_in_pass(pool, control, mask)) {
			control.counters.add(count_allocs);
			return element;
		}
		control.counters.add(count_backing_failures);
		MP_TRACE(backing_fail, control.traced, mask, control.reserve.store().level());
		if (void *entry = take_entry(pool, control))
			return element_of(pool, control, entry);
	}
}

/// The backing's first pass has failed: the reserve.
[[gnu::noinline]] void *alloc_slow(mempool_t &pool, mempool_control &control, gfp_t full, uint64_t deadline_ns,
				   const char *caller)
{
	control.counters.add(count_backing_failures);
	MP_TRACE(backing_fail, control.traced, first_mask(full), control.reserve.store().level());
	if (void *entry = take_entry_once(pool, control))
		return element_of(pool, control, entry);
	return alloc_patiently(pool, control, full, deadline_ns, caller);
}

/// The backing's first pass, and what follows when it gives nothing.
void *alloc_counted(mempool_t &pool, mempool_control &control, gfp_t full, uint64_t deadline_ns, const char *caller)
{
	void *element = ask_backing_in_pass(pool, control, first_mask(full));
	if (element == nullptr)
		return alloc_slow(pool, control, full, deadline_ns, caller);
	control.counters.add(count_allocs);
	return element;
}

constexpr gfp_t ordinary_flags = __GFP_BITS_MASK & ~__GFP_ZERO;

/// The whole way, with a look at whatever may be wrong.
[[gnu::noinline]] void *alloc(mempool_t *pool, gfp_t callers, uint64_t deadline_ns, const char *caller)
{
	mempool_control &control = control_of(pool, caller);
	if ((callers & ~ordinary_flags) != 0) [[unlikely]]
		callers = check_mask(control, callers);
	const bool watched = watch::watching();
	const watch::inside_call call(proven(control));
	if (watched) [[unlikely]] {
		watch::check_may_alloc(callers, caller, control.name);
		MP_TRACE(pass_begin, control.traced, 1, first_mask(full_mask(callers)));
	}
	void *element = alloc_counted(*pool, control, full_mask(callers), deadline_ns, caller);
	if (watched && element != nullptr) [[unlikely]] {
		note_alloc(control, element);
		MP_TRACE(alloc, control.traced, element, callers);
	}
	return element;
}

[[gnu::noinline]] void *alloc_ready_made(mempool_t &pool, mempool_control &control, gfp_t callers)
{
	void *element = control.shared_ready != nullptr ? control.shared_ready->take() : nullptr;
	if (element == nullptr)
		return alloc_counted(pool, control, full_mask(callers), base::never_ns, "mempool_alloc");
	control.counters.add(count_allocs);
	backing::note_other_pool(control.shared_cache, kmem_cache::public_allocs);
	return element;
}

/// The user's own callback, on an ordinary day.
[[gnu::noinline]] void *alloc_direct(mempool_t &pool, mempool_control &control, gfp_t callers)
{
	void *element = pool.alloc(first_mask(full_mask(callers)), pool.pool_data);
	if (element == nullptr) [[unlikely]]
		return alloc_slow(pool, control, full_mask(callers), base::never_ns, "mempool_alloc");
	control.counters.add(count_allocs);
	return element;
}

/// Nothing is watched but faults. Where the pool has a cache to itself, both of their points are asked here, and what
/// lies ready is taken as ever; else the backing is asked by its function, where its own points are.
void *alloc_unless_failing(mempool_t &pool, mempool_control &control, gfp_t callers)
{
	auto *ready = static_cast<backing::sheaves *>(pool.ready);
	if (ready == nullptr)
		return alloc_counted(pool, control, full_mask(callers), base::never_ns, "mempool_alloc");
	auto &cache = *static_cast<kmem_cache *>(pool.pool_data);
	const gfp_t mask = first_mask(full_mask(callers));
	void *element = nullptr;
	if (!fault_at(watch::fault_point::mempool_alloc, control, mask) &&
	    backing::watched_may_alloc(cache, mask, "kmem_cache_alloc")) [[likely]] {
		element = ready->take();
		if (element != nullptr) [[likely]]
			return element;
		element = backing::alloc_object(cache, mask);
	}
	if (element == nullptr)
		return alloc_slow(pool, control, full_mask(callers), base::never_ns, "mempool_alloc");
	control.counters.add(count_allocs);
	return element;
}

/// Nothing lay ready by the shortest way.
[[gnu::noinline]] void *alloc_unready(mempool_t *pool, gfp_t callers)
{
	mempool_control *control = pool != nullptr ? pool->control : nullptr;
	if (control == nullptr || (callers & ~ordinary_flags) != 0 || watch::watching_beyond(watch::faults_alone) ||
	    control->refill.load(std::memory_order_relaxed)) [[unlikely]]
		return alloc(pool, callers, base::never_ns, "mempool_alloc");
	if (watch::watching())
		return alloc_unless_failing(*pool, *control, callers);
	if (control->backing == backing::backing_kind::users_own)
		return alloc_direct(*pool, *control, callers);
	return alloc_ready_made(*pool, *control, callers);
}

/// Nothing is watched that has to do with taking from a reserve.
bool may_take_at_once()
{
	return !watch::watching_beyond(watch::faults_alone) && !watch::may_fail(watch::fault_point::mempool_drain);
}

/// The whole way of mempool_alloc_preallocated().
[[gnu::noinline]] void *alloc_preallocated(mempool_t *pool)
{
	mempool_control &control = control_of(pool, "mempool_alloc_preallocated");
	const watch::inside_call call(proven(control));
	void *entry = take_entry_once(*pool, control);
	if (entry == nullptr)
		entry = take_last_entry(*pool, control);
	if (entry == nullptr) {
		control.counters.add(count_failures);
		MP_TRACE(alloc_fail, control.traced, 0U, ENOMEM, 0);
		errno = ENOMEM;
		return nullptr;
	}
	void *element = element_of(*pool, control, entry);
	note_alloc(control, element);
	MP_TRACE(preallocated, control.traced, element, control.reserve.store().level());
	return element;
}

} // namespace
} // namespace mp::core

using namespace mp;
using namespace mp::core;

extern "C" void *mempool_alloc(mempool_t *pool, gfp_t gfp_mask)
{
	// The ordinary day. What the mask allows does not matter to what lies ready.
	if (pool != nullptr && (gfp_mask & ~ordinary_flags) == 0 && !watch::watching()) [[likely]] {
		if (auto *ready = static_cast<backing::sheaves *>(pool->ready)) [[likely]] {
			if (void *element = ready->take()) [[likely]]
				return element;
		} else if (auto *direct = static_cast<mempool_control *>(pool->direct)) {
			return alloc_direct(*pool, *direct, gfp_mask);
		}
	}
	return alloc_unready(pool, gfp_mask);
}

extern "C" void *mempool_alloc_timeout(mempool_t *pool, gfp_t gfp_mask, uint64_t timeout_ns)
{
	return alloc(pool, gfp_mask, base::deadline_after(timeout_ns), "mempool_alloc_timeout");
}

extern "C" void *mempool_alloc_preallocated(mempool_t *pool)
{
	// An ordinary emergency: nobody watches, and there is one.
	mempool_control *control = pool != nullptr ? pool->control : nullptr;
	if (control == nullptr || (watch::watching() && !may_take_at_once()) ||
	    control->refill.load(std::memory_order_relaxed) || trace::attached<trace::event::reserve_take>() ||
	    trace::attached<trace::event::preallocated>()) [[unlikely]]
		return alloc_preallocated(pool);
	void *entry = control->reserve.store().take();
	if (entry == nullptr) [[unlikely]]
		return alloc_preallocated(pool);
	control->watchers.note_taken(*pool);
	return element_of(*pool, *control, entry);
}
