// SPDX-License-Identifier: MIT
//
// cache.hpp - struct kmem_cache: slabs of one kind, in three lists.
//
// Users meet its sheaves first (sheaves.hpp). take_objects() and put_objects()
// move runs of objects between the slabs and a sheaf or a caller, under one
// taking of the lock.
//
// Owner of the state: the cache. Race table:
//   alloc, free / the same                         see sheaves.hpp
//   take_objects, put_objects, shrink / the same   the lock
//   put_objects in a signal handler / anything     a lock-free list, if the lock may be held by whom it interrupted
//   destroy / anything                             the caller's mistake
//   statistics / anything                          atomic counters
#pragma once

#include "mempool/backing/layout.hpp"
#include "mempool/backing/reclaim.hpp"
#include "mempool/backing/sheaves.hpp"
#include "mempool/backing/slab.hpp"
#include "mempool/watch/fault_point.hpp"
#include "mempool/watch/registry.hpp"

#include "reserve/base/counted_lock.hpp"
#include "reserve/base/counters.hpp"

#include <span>

struct kmem_cache {
	enum field : unsigned { allocs, frees, failures, public_allocs, public_frees, field_count };
	enum list : unsigned { partial, empty, full, list_count };

	mp::backing::sheaves sheaves; // serves nobody in a debugging cache, whose every object is looked at

	mp::backing::slot_layout layout;
	slab_flags_t flags;
	void (*ctor)(void *);
	char name[KMEM_CACHE_NAME_MAX];

	mp::base::striped_counters<field_count> counters; // of what did not go through a sheaf
	mp::watch::registry_entry registered;
	mp::backing::reclaim_guest at_reclaim; // those without sheaves have little to give, and are none
	size_t control_bytes;                  // of the block that this structure lies in

	mp::base::counted_lock lock;
	mp::backing::slab_list lists[list_count];
	std::atomic<bool> has_sole_pool; // see sole_pool_figures
	std::atomic<void *> deferred;    // objects that a handler freed, linked as in a slab

	mp::watch::fault_mark faults;

	bool debugging() const { return layout.record_offset != 0; }
};

namespace mp::backing {

/// Takes out.size() objects from the slabs, or as many as can be had; says how
/// many. A constructor has run on them; debug data is not looked at. None for a
/// signal handler that interrupted a lock's holder.
size_t take_objects(kmem_cache &cache, gfp_t gfp_mask, std::span<void *> out);

/// As take_objects(), but adds no more than one slab to the cache.
size_t take_some_objects(kmem_cache &cache, gfp_t gfp_mask, std::span<void *> out);

/// kmem_cache_alloc() for who has asked its fault point already.
void *alloc_object(kmem_cache &cache, gfp_t gfp_mask);

/// Takes objects of this cache back to their slabs; what is none is reported, without the lock, and left.
void put_objects(kmem_cache &cache, std::span<void *const> objects);

/// What one pool took straight from a cache's sheaves, without counting: all
/// that went through the sheaves less what came by the public calls. So the
/// statistics of a pool that has a cache to itself cost nothing on an ordinary
/// day. Calls of others at the very moment of claim() may count as the pool's,
/// or hide as many of its own.
class sole_pool_figures {
      public:
	/// False when the cache has such a pool already: this one must count.
	bool claim(kmem_cache *cache);
	void release();

	bool claimed() const { return cache_ != nullptr; }
	uint64_t allocs() const;
	uint64_t frees() const;

      private:
	uint64_t allocs_so_far() const;
	uint64_t frees_so_far() const;

	kmem_cache *cache_ = nullptr;
	uint64_t allocs_before_ = 0;
	uint64_t frees_before_ = 0;
};

/// For a pool that counts by itself what it takes from the sheaves, or gives
/// to them: it is not the sole pool's.
inline void note_other_pool(kmem_cache *cache, kmem_cache::field public_figure)
{
	if (cache != nullptr)
		cache->counters.add(public_figure);
}

/// Does an object of the cache start at this address in one of its slabs?
bool is_object(const kmem_cache &cache, const block_info &info, const void *address);

/// kmem_cache_free() for what the caller has found to be an object of the cache.
void free_object(kmem_cache &cache, void *object);

/// Gives slabs without objects back, and what lies in sheaves; says how many
/// slabs. Not under a lock of ours.
size_t shrink_cache(kmem_cache &cache);

/// A cache without sheaves and without debugging: its slabs alone, for tests.
kmem_cache *create_plain_cache(const char *name, unsigned size_bytes);

/// kmem_cache_create() for kmalloc, whose alignments go beyond a page.
kmem_cache *create_cache(const char *name, unsigned size_bytes, unsigned align_bytes, slab_flags_t flags,
			 void (*ctor)(void *));

/// Takes an unused cache off the register, and leaves its few pages be: waiting
/// until they can be given back would be a sleep.
void abandon_cache(kmem_cache &cache);

} // namespace mp::backing
