// SPDX-License-Identifier: MIT
//
// create.cpp - the beginning and the end of a pool (PAR-1 to PAR-7). See mempool.h.
#include "mempool/core/element.hpp"
#include "mempool/watch/context.hpp"

#include "reserve/base/report.hpp"
#include "reserve/pinned.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>

namespace mp::core {
namespace {

using counters_t = mempool_control::counters_t;

// The layout is part of the ABI.
static_assert(offsetof(mempool_t, min_nr) == 0 && offsetof(mempool_t, pool_data) == 8 &&
	      offsetof(mempool_t, alloc) == 16 && offsetof(mempool_t, free) == 24 &&
	      offsetof(mempool_t, control) == 32 && sizeof(mempool_t) == 256);
static_assert(sizeof(mempool_attr) == 32 && offsetof(mempool_attr, element_size) == 24);

void freeze(void *pool)
{
	mempool_control &control = *static_cast<mempool_t *>(pool)->control;
	control.reserve.freeze();
	control.tracker.freeze();
}
void thaw(void *pool)
{
	mempool_control &control = *static_cast<mempool_t *>(pool)->control;
	control.tracker.thaw();
	control.reserve.thaw();
}
void thaw_in_child(void *pool)
{
	mempool_control &control = *static_cast<mempool_t *>(pool)->control;
	control.tracker.thaw_in_child();
	control.reserve.thaw_in_child();
	// A resize of the parent is not going on here. It is not frozen either: its
	// holder may be waiting in the backing for as long as it takes.
	control.resize_lock.reset_in_child();
}
constexpr watch::fork_ops pool_at_fork = {freeze, thaw, thaw_in_child};

struct request {
	int min_nr;
	mempool_alloc_t *alloc;
	mempool_free_t *free;
	void *pool_data;
	mempool_attr attr;
};

/// The caller's attributes, completed; 0 or -errno.
int read_attr(const mempool_attr *given, mempool_attr &attr)
{
	attr = MEMPOOL_ATTR_INIT;
	if (given == nullptr)
		return 0;
	if (given->size < sizeof(size_t) || given->size > 4096)
		return -EINVAL;
	memcpy(&attr, given, given->size < sizeof(attr) ? given->size : sizeof(attr));
	// A caller of a later version: what we do not know must be off.
	const auto *byte = reinterpret_cast<const char *>(given);
	for (size_t i = sizeof(attr); i < given->size; i++)
		if (byte[i] != 0)
			return -EINVAL;
	if (attr.gfp_mask == 0)
		attr.gfp_mask = GFP_KERNEL;
	return attr.name != nullptr && strnlen(attr.name, MEMPOOL_NAME_MAX) == MEMPOOL_NAME_MAX ? -ENAMETOOLONG : 0;
}

/// Why a pool cannot be made so; nullptr when it can.
const char *refusal(const request &r)
{
	if (r.alloc == nullptr || r.free == nullptr)
		return "a callback is NULL";
	if (r.min_nr < 0 || r.min_nr > MEMPOOL_NR_MAX)
		return "min_nr must be 0 to MEMPOOL_NR_MAX";
	const backing::ready_made *backing = backing::find_ready_made(r.alloc, r.free);
	return backing != nullptr ? backing->refusal(r.pool_data) : nullptr;
}

int refuse(int error, const char *why, const mempool_t *pool, const request &r)
{
	base::report(base::severity::bug)
		.line("cannot initialise a pool: %s", why)
		.line("pool '%.80s' %p, min_nr %d", r.attr.name != nullptr ? r.attr.name : "(no name)",
		      static_cast<const void *>(pool), r.min_nr)
		.emit();
	return error;
}

void choose_name(mempool_control &control, const char *name)
{
	static constinit std::atomic<unsigned> unnamed{0};
	if (name != nullptr)
		memcpy(control.name, name, strlen(name) + 1);
	else
		snprintf(control.name, sizeof(control.name), "mempool-%u",
			 unnamed.fetch_add(1, std::memory_order_relaxed) + 1);
}

constexpr size_t round_up_line(size_t bytes)
{
	return (bytes + base::cache_line_bytes - 1) & ~size_t{base::cache_line_bytes - 1};
}

/// One block for all: control, counters, the store's array, and the pool
/// itself where it is to be made too. All that an emergency touches.
mempool_control *make_control(const request &r, mempool_t **pool)
{
	const unsigned stripes = counters_t::stripes_wanted();
	const int target = target_for(r.min_nr);
	const size_t counters_at = round_up_line(sizeof(mempool_control));
	const size_t pool_at = counters_at + stripes * counters_t::stripe_bytes;
	const size_t slots_at = pool_at + round_up_line(*pool == nullptr ? sizeof(mempool_t) : 0);
	const size_t bytes = slots_at + static_cast<size_t>(target) * sizeof(void *);

	auto *block = static_cast<char *>(reserve::pinned_alloc(bytes));
	if (block == nullptr)
		return nullptr;
	auto *control = new (block) mempool_control{};
	control->block_bytes = bytes;
	control->counters.init(block + counters_at, stripes);
	control->slots = {reinterpret_cast<void **>(block + slots_at), target};
	control->slots_in_block = true;
	control->reserve.store().init(control->slots, target);
	control->backing = backing::find_ready_made(r.alloc, r.free);
	control->element_bytes =
		control->backing != nullptr ? control->backing->element_bytes(r.pool_data) : r.attr.element_size;
	choose_name(*control, r.attr.name);
	if (*pool == nullptr) {
		*pool = new (block + pool_at) mempool_t{};
		control->owns_pool = true;
	}
	return control;
}

void free_control(mempool_control *control)
{
	control->tracker.destroy();
	if (!control->slots_in_block)
		reserve::pinned_free(control->slots.slots,
				     static_cast<size_t>(control->slots.capacity) * sizeof(void *));
	reserve::pinned_free(control, control->block_bytes);
}

/// Gives the reserve back, newest first (PAR-2, PAR-5).
void drain(mempool_t &pool, mempool_control &control)
{
	while (void *entry = control.reserve.store().take())
		pool.free(element_of(pool, control, entry), pool.pool_data);
}

/// Makes the reserve's elements (PAR-1); all or none.
bool fill(mempool_t &pool, mempool_control &control, gfp_t gfp_mask)
{
	while (control.reserve.wants()) {
		void *element = pool.alloc(gfp_mask, pool.pool_data);
		if (element == nullptr) {
			drain(pool, control);
			return false;
		}
		control.reserve.give(entry_for(control, element));
	}
	control.reserve.store().note_full();
	return true;
}

bool start_tracking(mempool_control &control)
{
	if (!watch::debug_on(MEMPOOL_DEBUG_TRACK))
		return true;
	control.tracks = control.tracker.init();
	watch::watch_for(watch::tracker_seen);
	return control.tracks;
}

/// Initialises *pool, or makes one where it is nullptr. 0 or -errno.
int build(mempool_t **pool, const request &r)
{
	if (watch::watching())
		watch::check_may_alloc(r.attr.gfp_mask, "mempool_init",
				       r.attr.name != nullptr ? r.attr.name : "(no name)");
	mempool_control *control = make_control(r, pool);
	if (control == nullptr)
		return -ENOMEM;

	mempool_t &p = **pool;
	p.min_nr = r.min_nr;
	p.pool_data = r.pool_data;
	p.alloc = r.alloc;
	p.free = r.free;
	p.control = control;
	if (start_tracking(*control) && fill(p, *control, r.attr.gfp_mask)) {
		if (watch::registry_add(watch::registry_kind::pool, control->registered, &p, &pool_at_fork))
			return 0;
		drain(p, *control);
	}
	p = {};
	free_control(control);
	return -ENOMEM;
}

void end(mempool_t &pool)
{
	mempool_control *control = pool.control;
	watch::registry_remove(control->registered);
	report_leaks(pool, *control);
	drain(pool, *control);
	pool = {}; // not initialised, as PAR-5 has it; before a pool inside the block goes with it
	free_control(control);
}

int check_and_build(mempool_t **pool, request &r, const mempool_attr *attr)
{
	watch::debug_init();
	const int error = read_attr(attr, r.attr);
	if (error == -ENAMETOOLONG)
		return refuse(error, "its name is too long", *pool, r);
	if (error != 0)
		return refuse(error, "mempool_attr.size is wrong, or sets options that this version lacks", *pool, r);
	const char *why = refusal(r);
	if (why != nullptr)
		return refuse(-EINVAL, why, *pool, r);
	return build(pool, r);
}

} // namespace
} // namespace mp::core

using namespace mp;
using namespace mp::core;

extern "C" int mempool_init_attr(mempool_t *pool, int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
				 void *pool_data, const struct mempool_attr *attr)
{
	request r = {min_nr, alloc_fn, free_fn, pool_data, MEMPOOL_ATTR_INIT};
	if (pool == nullptr)
		return refuse(-EINVAL, "there is no mempool_t", pool, r);
	if (mempool_initialized(pool))
		return refuse(-EBUSY, "it is initialised already, or was not zeroed", pool, r);
	return check_and_build(&pool, r, attr);
}

extern "C" int mempool_init_node(mempool_t *pool, int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
				 void *pool_data, gfp_t gfp_mask, int node_id)
{
	mempool_attr attr = MEMPOOL_ATTR_INIT;
	attr.gfp_mask = gfp_mask;
	attr.node = node_id;
	return mempool_init_attr(pool, min_nr, alloc_fn, free_fn, pool_data, &attr);
}

extern "C" int mempool_init(mempool_t *pool, int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
			    void *pool_data)
{
	return mempool_init_attr(pool, min_nr, alloc_fn, free_fn, pool_data, nullptr);
}

extern "C" mempool_t *mempool_create_attr(int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
					  void *pool_data, const struct mempool_attr *attr)
{
	request r = {min_nr, alloc_fn, free_fn, pool_data, MEMPOOL_ATTR_INIT};
	mempool_t *pool = nullptr;
	const int error = check_and_build(&pool, r, attr);
	if (error == 0)
		return pool;
	errno = -error;
	return nullptr;
}

extern "C" mempool_t *mempool_create_node(int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
					  void *pool_data, gfp_t gfp_mask, int node_id)
{
	mempool_attr attr = MEMPOOL_ATTR_INIT;
	attr.gfp_mask = gfp_mask;
	attr.node = node_id;
	return mempool_create_attr(min_nr, alloc_fn, free_fn, pool_data, &attr);
}

extern "C" mempool_t *mempool_create(int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn, void *pool_data)
{
	return mempool_create_attr(min_nr, alloc_fn, free_fn, pool_data, nullptr);
}

extern "C" void mempool_exit(mempool_t *pool)
{
	if (pool == nullptr || !mempool_initialized(pool))
		return;
	mempool_control *control = pool->control;
	if (control->owns_pool)
		base::fatal("mempool_exit: pool '%s' was made by mempool_create(): mempool_destroy() ends it",
			    control->name);
	end(*pool);
}

extern "C" void mempool_destroy(mempool_t *pool)
{
	if (pool == nullptr)
		return;
	const mempool_control &control = control_of(pool, "mempool_destroy");
	if (!control.owns_pool)
		base::fatal("mempool_destroy: pool '%s' was made by mempool_init(): mempool_exit() ends it",
			    control.name);
	end(*pool);
}
