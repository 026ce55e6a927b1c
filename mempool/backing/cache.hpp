// SPDX-License-Identifier: MIT
//
// cache.hpp - struct kmem_cache: slabs of one kind, in three lists.
//
// take_objects() and put_objects() move runs of objects between slabs and a
// caller, under one taking of the lock: the seam at which per-CPU sheaves are
// to be refilled and flushed.
//
// Owner of the state: the cache. Race table:
//   take_objects, put_objects, shrink / the same   the lock
//   destroy / anything                             the caller's mistake
//   statistics / anything                          atomic counters
#pragma once

#include "mempool/backing/layout.hpp"
#include "mempool/backing/slab.hpp"
#include "reserve/base/counters.hpp"
#include "mempool/watch/registry.hpp"

#include "reserve/base/lock.hpp"

#include <span>

struct kmem_cache {
	enum field : unsigned { allocs, frees, failures, field_count };
	enum list : unsigned { partial, empty, full, list_count };

	mp::backing::slot_layout layout;
	slab_flags_t flags;
	void (*ctor)(void *);
	char name[KMEM_CACHE_NAME_MAX];

	mp::base::striped_counters<field_count> counters;
	mp::watch::registry_entry registered;
	size_t control_bytes; // of the block that this structure lies in

	mp::base::adaptive_lock lock;
	mp::backing::slab_list lists[list_count];

	bool debugging() const { return layout.record_offset != 0; }
};

namespace mp::backing {

/// Takes up to out.size() objects; says how many. A constructor has run on
/// them; debug data is not looked at.
size_t take_objects(kmem_cache &cache, gfp_t gfp_mask, std::span<void *> out);

/// Takes objects of this cache back; each must lie in one of its slabs.
void put_objects(kmem_cache &cache, std::span<void *const> objects);

/// Does an object of the cache start at this address in one of its slabs?
bool is_object(const kmem_cache &cache, const block_info &info, const void *address);

/// kmem_cache_free() for what the caller has found to be an object of the cache.
void free_object(kmem_cache &cache, void *object);

/// kmem_cache_create() for kmalloc, whose alignments go beyond a page.
kmem_cache *create_cache(const char *name, unsigned size_bytes, unsigned align_bytes, slab_flags_t flags,
			 void (*ctor)(void *));

/// Takes an unused cache off the register, and leaves its few pages be: waiting
/// until they can be given back would be a sleep.
void abandon_cache(kmem_cache &cache);

} // namespace mp::backing
