// SPDX-License-Identifier: MIT
//
// create.cpp - the beginning and the end of a pool (PAR-1 to PAR-7). See mempool.h.
#include "mempool/backing/headroom.hpp"
#include "mempool/backing/rcu_free.hpp"
#include "mempool/core/faults.hpp"
#include "mempool/core/home.hpp"
#include "mempool/watch/context.hpp"

#include "reserve/base/report.hpp"
#include "reserve/pinned.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <sys/resource.h>

namespace mp::core {
namespace {

using counters_t = mempool_control::counters_t;

// The layout is part of the ABI.
static_assert(offsetof(mempool_t, min_nr) == 0 && offsetof(mempool_t, pool_data) == 8 &&
	      offsetof(mempool_t, alloc) == 16 && offsetof(mempool_t, free) == 24 &&
	      offsetof(mempool_t, control) == 32 && offsetof(mempool_t, ready) == 40 && sizeof(mempool_t) == 256);
static_assert(sizeof(mempool_attr) == 48 && offsetof(mempool_attr, element_size) == 24 &&
	      offsetof(mempool_attr, store) == 32 && offsetof(mempool_attr, at_fork) == 40);

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
	renew_after_fork(control);
}
void thaw_in_child(void *object)
{
	auto &pool = *static_cast<mempool_t *>(object);
	mempool_control &control = *pool.control;
	control.tracker.thaw_in_child();
	watch::forget_other_threads(control.contended);
	control.reserve.thaw_in_child();
	control.watchers.thaw_in_child();
	// A resize of the parent ends here, wherever it was. It is not waited for:
	// it may be in the backing for as long as it takes.
	control.resize_lock.reset_in_child();
	if (target_for(pool.min_nr) != control.reserve.store().target())
		set_min_nr(pool, control.reserve.store().target()); // INV-2
	renew_after_fork(control);
	leave_parents_home(pool, control);
	control.minor_faults_before = control.major_faults_before = 0; // a child's begin at 0
}
constexpr watch::fork_ops pool_at_fork = {freeze, thaw, thaw_in_child};

struct request {
	int min_nr;
	mempool_alloc_t *alloc;
	mempool_free_t *free;
	void *pool_data;
	mempool_attr attr;
};

/// How reserved elements lie in memory of the pool's own; no stride where they come from the backing.
backing::placement home_placement(const request &r)
{
	const backing::ready_made *backing = backing::find_ready_made(r.alloc, r.free);
	if (backing == nullptr || r.attr.residency == MEMPOOL_RESIDENCY_NONE)
		return {};
	return backing->placing(r.pool_data);
}

/// Why a pool cannot be made so; nullptr when it can.
const char *refusal(const request &r)
{
	if (r.alloc == nullptr || r.free == nullptr)
		return "a callback is NULL";
	if (r.attr.store > MEMPOOL_STORE_LOCKED || r.attr.eventfd > 1)
		return "mempool_attr.store names no store, or .eventfd is neither 0 nor 1";
	if (r.attr.residency > MEMPOOL_RESIDENCY_NONE || r.attr.at_fork > MEMPOOL_AT_FORK_WIPE)
		return "mempool_attr.residency or .at_fork has no such value";
	if (r.min_nr < 0 || r.min_nr > MEMPOOL_NR_MAX)
		return "min_nr must be 0 to MEMPOOL_NR_MAX";
	const backing::ready_made *backing = backing::find_ready_made(r.alloc, r.free);
	if (const char *why = backing != nullptr ? backing->refusal(r.pool_data) : nullptr)
		return why;
	if (backing == nullptr && r.attr.element_size == 0 &&
	    (r.attr.residency == MEMPOOL_RESIDENCY_BEST_EFFORT || r.attr.residency == MEMPOOL_RESIDENCY_REQUIRED))
		return "mempool_attr.residency asks for resident elements, and element_size is not given";
	if (r.attr.at_fork != MEMPOOL_AT_FORK_COPY && home_placement(r).stride_bytes == 0)
		return "mempool_attr.at_fork is for reserves of the pool's own memory, and this one has none";
	return nullptr;
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

/// The attributes of the extension's calls, completed; 0 or -errno.
int read_attr(const mempool_attr *given, const mempool_t *pool, request &r)
{
	if (given == nullptr)
		return 0;
	constexpr const char *misfit = "mempool_attr.size is wrong, or it sets options that this version lacks";
	if (given->size < sizeof(given->size) || given->size > 4096)
		return refuse(-EINVAL, misfit, pool, r);
	memcpy(&r.attr, given, std::min(given->size, sizeof(r.attr)));
	// A caller of a later version: what we do not know must be off.
	const auto *byte = reinterpret_cast<const char *>(given);
	for (size_t i = sizeof(r.attr); i < given->size; i++)
		if (byte[i] != 0)
			return refuse(-EINVAL, misfit, pool, r);
	if (r.attr.gfp_mask == 0)
		r.attr.gfp_mask = GFP_KERNEL;
	return 0;
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

constexpr base::at_fork mapping_at_fork(unsigned at_fork)
{
	return at_fork == MEMPOOL_AT_FORK_WIPE          ? base::at_fork::wipe
	       : at_fork == MEMPOOL_AT_FORK_PARENT_ONLY ? base::at_fork::leave_out
							: base::at_fork::copy;
}

/// One block for all: control, counters, the store's slots. With mempool_t it
/// is all that an emergency touches.
mempool_control *make_control(const request &r)
{
	const unsigned stripes = counters_t::stripes_wanted();
	const int target = target_for(r.min_nr);
	const size_t counters_at = round_up_line(sizeof(mempool_control));
	const size_t store_at = counters_at + stripes * counters_t::stripe_bytes;
	const auto kind = r.attr.store == MEMPOOL_STORE_LOCKED ? reserve::either_store::kind::locked
							       : reserve::either_store::kind::spread;
	const size_t bytes = store_at + reserve::either_store::bytes_for(kind, target);

	auto *block = static_cast<char *>(reserve::pinned_alloc(bytes));
	if (block == nullptr)
		return nullptr;
	auto *control = new (block) mempool_control{};
	control->block_bytes = bytes;
	control->counters.init(block + counters_at, stripes);
	control->reserve.store().init(kind, block + store_at, target);
	const backing::ready_made *backing = backing::find_ready_made(r.alloc, r.free);
	control->backing = backing != nullptr ? backing->kind : backing::backing_kind::users_own;
	control->element_bytes = backing != nullptr ? backing->element_bytes(r.pool_data) : r.attr.element_size;
	if (control->backing == backing::backing_kind::slab &&
	    (static_cast<kmem_cache *>(r.pool_data)->flags & SLAB_TYPESAFE_BY_RCU) != 0)
		control->element_bytes = 0; // no poison: readers may look at what lies in the reserve
	control->residency = r.attr.residency;
	if (r.attr.residency == MEMPOOL_RESIDENCY_DEFAULT)
		control->residency = backing != nullptr ? MEMPOOL_RESIDENCY_BEST_EFFORT : MEMPOOL_RESIDENCY_NONE;
	control->at_fork = r.attr.at_fork;
	rusage usage = {};
	getrusage(RUSAGE_SELF, &usage);
	control->minor_faults_before = static_cast<uint64_t>(usage.ru_minflt);
	control->major_faults_before = static_cast<uint64_t>(usage.ru_majflt);
	base::memory_limits().tell_cgroup(control->cgroup, sizeof(control->cgroup));
	const backing::placement home = home_placement(r);
	control->arena.init({home.stride_bytes, home.align_bytes, mapping_at_fork(r.attr.at_fork), r.attr.node});
	control->entry_bits =
		(control->element_bytes != 0 ? poisoned_bit : 0) | (control->arena.used() ? reserve::guest_bit : 0);
	choose_name(*control, r.attr.name);
	control->traced = {trace::next_pool(), control->name};
	return control;
}

void free_control(mempool_control *control)
{
	control->watchers.close();
	control->sole.release();
	control->tracker.destroy();
	reserve::forget_resident(control->host_page);
	// Elements that are still out may still be touched: their memory stays, for good.
	if (control->arena.count_spare() == control->arena.elements()) {
		control->arena.destroy();
		backing::process_headroom().given_back(control->home_counted_bytes);
	} else {
		control->arena.abandon();
	}
	reserve::memory_block block;
	for (int i = 0; (block = control->reserve.store().grown(i)).start != nullptr; i++)
		reserve::pinned_free(block.start, block.bytes);
	reserve::pinned_free(control, control->block_bytes);
}

/// Back to a pool that is not initialised (PAR-2, PAR-5).
void clear(mempool_t &pool)
{
	const unsigned origin = pool.origin;
	pool = {};
	pool.origin = origin;
}

/// Gives the reserve back, newest first (PAR-2, PAR-5).
void drain(mempool_t &pool, mempool_control &control)
{
	while (void *entry = control.reserve.store().take())
		dismiss(pool, control, entry);
}

/// Makes the reserve's elements (PAR-1); all or none. 0 or -errno.
int fill(mempool_t &pool, mempool_control &control, gfp_t gfp_mask)
{
	auto &store = control.reserve.store();
	int error = make_home(pool, control, target_for(pool.min_nr));
	if (error != 0 && control.residency == MEMPOOL_RESIDENCY_REQUIRED)
		report_missing_residency(pool, control, -error);
	settle_spares(pool, control);
	while (error == 0 && control.reserve.has_room()) {
		void *element = alloc_from_backing(pool, control, gfp_mask);
		if (element != nullptr)
			hold_in_place(control, element);
		if (element == nullptr) {
			error = -ENOMEM;
		} else if (!store.give(entry_for(control, element))) {
			base::report(base::severity::bug)
				.line("cannot initialise a pool: element %p has a bit set that the spread store needs",
				      element)
				.line("pool '%s' %p: choose MEMPOOL_STORE_LOCKED", control.name,
				      static_cast<void *>(&pool))
				.emit();
			free_to_backing(pool, control, element);
			error = -EINVAL;
		}
	}
	if (error == 0 && (error = missing_residency(pool, control)) != 0)
		report_missing_residency(pool, control, -error);
	if (error != 0)
		drain(pool, control);
	control.counters.add(count_filled, store.given() - control.counters.sum(count_filled));
	store.note_full();
	return error;
}

/// Where elements lie ready, for the calls that need not ask the backing.
void shorten_ways(mempool_t &pool, mempool_control &control, const request &r)
{
	const backing::ready_made *backing = backing::find_ready_made(r.alloc, r.free);
	backing::sheaves *ready = backing::ready_elements(backing, r.pool_data);
	backing::sheaves *takes_back = backing::ready_room(backing, r.pool_data);
	auto *slab_cache =
		control.backing == backing::backing_kind::slab ? static_cast<kmem_cache *>(r.pool_data) : nullptr;
	// A locked store is asked otherwise whether it is full.
	if (control.backing == backing::backing_kind::users_own && r.attr.store == MEMPOOL_STORE_SPREAD)
		pool.direct = &control;
	// Other users of a kmalloc class are too many to tell apart.
	if (slab_cache != nullptr && control.sole.claim(slab_cache)) {
		pool.ready = ready;
		// The locked store is asked otherwise whether it is full.
		pool.takes_back = r.attr.store == MEMPOOL_STORE_SPREAD ? takes_back : nullptr;
	} else {
		control.shared_ready = ready;
		control.shared_takes_back = takes_back;
		control.shared_cache = slab_cache;
	}
}

/// Initialises a pool from a request that was checked. 0 or -errno.
int build(mempool_t &pool, const request &r)
{
	mempool_control *control = make_control(r);
	if (control == nullptr)
		return -ENOMEM;
	pool.min_nr = r.min_nr;
	pool.pool_data = r.pool_data;
	pool.alloc = r.alloc;
	pool.free = r.free;
	pool.control = control;
	shorten_ways(pool, *control, r);
	static_cast<void>(reserve::make_library_resident());
	if (pool.origin != made_by_create && control->residency != MEMPOOL_RESIDENCY_NONE) {
		control->host_page = reserve::pages_around(&pool, sizeof(pool));
		if (!reserve::make_resident(control->host_page))
			control->host_page.lock_error = errno;
	}
	int error = r.attr.eventfd != 0 ? std::min(control->watchers.eventfd(), 0) : 0;
	if (error == 0)
		error = start_tracking(*control) ? fill(pool, *control, r.attr.gfp_mask) : -ENOMEM;
	if (error == 0) {
		if (watch::registry_add(watch::registry_kind::pool, control->registered, &pool, &pool_at_fork)) {
			if (trace::wanted<trace::event::create>())
				trace::tell_pool(trace::event::create, control->traced, &pool, r.min_nr,
						 control->reserve.store().level(), control->element_bytes);
			return 0;
		}
		drain(pool, *control);
		error = -ENOMEM;
	}
	clear(pool);
	free_control(control);
	return error;
}

/// Checks a request, and builds. 0 or -errno.
int init(mempool_t *pool, const request &r)
{
	if (pool == nullptr)
		return refuse(-EINVAL, "there is no mempool_t", pool, r);
	if (mempool_initialized(pool))
		return refuse(-EBUSY, "it is initialised already, or was not zeroed", pool, r);
	if (r.attr.name != nullptr && strnlen(r.attr.name, MEMPOOL_NAME_MAX) == MEMPOOL_NAME_MAX)
		return refuse(-ENAMETOOLONG, "its name is too long", pool, r);
	const char *why = refusal(r);
	if (why != nullptr)
		return refuse(-EINVAL, why, pool, r);
	const char *name = r.attr.name != nullptr ? r.attr.name : "(no name)";
	if (watch::watching())
		watch::check_may_alloc(r.attr.gfp_mask, "mempool_init", name);
	if (watch::fault_hits(watch::fault_point::mempool_create, {name, nullptr}, 1, r.attr.gfp_mask))
		return -ENOMEM;
	return build(*pool, r);
}

mempool_t *create(const request &r)
{
	auto *pool = static_cast<mempool_t *>(reserve::pinned_alloc(sizeof(mempool_t)));
	if (pool == nullptr) {
		errno = ENOMEM;
		return nullptr;
	}
	pool->origin = made_by_create;
	const int error = init(pool, r);
	if (error == 0)
		return pool;
	reserve::pinned_free(pool, sizeof(mempool_t));
	errno = -error;
	return nullptr;
}

/// Attributes from the arguments of the kernel's calls; the mask as it is, also 0 (PAR-1).
mempool_attr attr_of(gfp_t gfp_mask, int node_id)
{
	mempool_attr attr = MEMPOOL_ATTR_INIT;
	attr.gfp_mask = gfp_mask;
	attr.node = node_id;
	return attr;
}

} // namespace
} // namespace mp::core

using namespace mp;
using namespace mp::core;

extern "C" int mempool_init_attr(mempool_t *pool, int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
				 void *pool_data, const struct mempool_attr *attr)
{
	request r = {min_nr, alloc_fn, free_fn, pool_data, MEMPOOL_ATTR_INIT};
	const int error = read_attr(attr, pool, r);
	return error != 0 ? error : init(pool, r);
}

extern "C" int mempool_init_node(mempool_t *pool, int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
				 void *pool_data, gfp_t gfp_mask, int node_id)
{
	request r = {min_nr, alloc_fn, free_fn, pool_data, attr_of(gfp_mask, node_id)};
	return init(pool, r);
}

extern "C" int mempool_init(mempool_t *pool, int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
			    void *pool_data)
{
	return mempool_init_node(pool, min_nr, alloc_fn, free_fn, pool_data, GFP_KERNEL, NUMA_NO_NODE);
}

extern "C" mempool_t *mempool_create_attr(int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
					  void *pool_data, const struct mempool_attr *attr)
{
	request r = {min_nr, alloc_fn, free_fn, pool_data, MEMPOOL_ATTR_INIT};
	const int error = read_attr(attr, nullptr, r);
	if (error == 0)
		return create(r);
	errno = -error;
	return nullptr;
}

extern "C" mempool_t *mempool_create_node(int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
					  void *pool_data, gfp_t gfp_mask, int node_id)
{
	request r = {min_nr, alloc_fn, free_fn, pool_data, attr_of(gfp_mask, node_id)};
	return create(r);
}

extern "C" mempool_t *mempool_create(int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn, void *pool_data)
{
	return mempool_create_node(min_nr, alloc_fn, free_fn, pool_data, GFP_KERNEL, NUMA_NO_NODE);
}

extern "C" void mempool_exit(mempool_t *pool)
{
	if (pool == nullptr || !mempool_initialized(pool))
		return;
	mempool_control *control = pool->control;
	if (control->has_deferred.load(std::memory_order_relaxed))
		backing::rcu_free_barrier();
	free_delayed(*pool, *control);
	watch::registry_remove(control->registered);
	MP_TRACE(destroy, control->traced, control->reserve.store().level());
	report_leaks(*pool, *control);
	drain(*pool, *control);
	clear(*pool);
	free_control(control);
}

extern "C" void mempool_destroy(mempool_t *pool)
{
	if (pool == nullptr)
		return;
	if (pool->origin != made_by_create)
		base::fatal("mempool_destroy: pool '%s' %p was not made by mempool_create(): mempool_exit() ends it",
			    mempool_name(pool), static_cast<void *>(pool));
	mempool_exit(pool);
	reserve::pinned_free(pool, sizeof(mempool_t));
}
