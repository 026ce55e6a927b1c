// SPDX-License-Identifier: MIT
//
// cache_stats.cpp - what caches have done, and which there are. See mempool-stats.h.
#include "mempool/backing/cache.hpp"

#include "mempool/mempool-stats.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>

namespace mp::backing {

namespace {

/// How far one figure is beyond another; 0 when it is not, for calls that go on
/// while the two are read may count in the other first.
uint64_t excess(uint64_t figure, uint64_t other)
{
	const uint64_t difference = figure - other;
	return static_cast<int64_t>(difference) > 0 ? difference : 0;
}

} // namespace

bool sole_pool_figures::claim(kmem_cache *cache)
{
	if (cache == nullptr || !cache->sheaves.serving() ||
	    cache->has_sole_pool.exchange(true, std::memory_order_relaxed))
		return false;
	cache_ = cache;
	allocs_before_ = allocs_so_far();
	frees_before_ = frees_so_far();
	return true;
}

void sole_pool_figures::release()
{
	if (claimed())
		cache_->has_sole_pool.store(false, std::memory_order_relaxed);
	cache_ = nullptr;
}

uint64_t sole_pool_figures::allocs() const
{
	return claimed() ? excess(allocs_so_far(), allocs_before_) : 0;
}

uint64_t sole_pool_figures::frees() const
{
	return claimed() ? excess(frees_so_far(), frees_before_) : 0;
}

uint64_t sole_pool_figures::allocs_so_far() const
{
	const uint64_t by_others = cache_->counters.sum(kmem_cache::public_allocs);
	return cache_->counters.sum(kmem_cache::allocs) + cache_->sheaves.allocs() - by_others;
}

uint64_t sole_pool_figures::frees_so_far() const
{
	const uint64_t by_others = cache_->counters.sum(kmem_cache::public_frees);
	return cache_->counters.sum(kmem_cache::frees) + cache_->sheaves.frees() - by_others;
}

} // namespace mp::backing

using namespace mp;

extern "C" int kmem_cache_stats(struct kmem_cache *s, struct kmem_cache_statistics *stats)
{
	const size_t wanted_bytes = stats->size;
	if (wanted_bytes < sizeof(stats->size))
		return -EINVAL;

	struct kmem_cache_statistics now = {};
	now.size = std::min(wanted_bytes, sizeof(now));
	now.object_size = s->layout.object_bytes;
	now.slot_size = s->layout.slot_bytes;
	now.slab_bytes = static_cast<uint32_t>(backing::block_bytes(s->layout.order));
	now.objects_per_slab = s->layout.slots;
	{
		const std::lock_guard guard(s->lock);
		for (const backing::slab_list &list : s->lists)
			now.slabs += list.count();
	}
	// Frees first: what is taken and freed meanwhile then counts as an object, if
	// at all. A sheaf that is filled or emptied just now may still count wrong.
	now.frees = s->counters.sum(kmem_cache::frees) + s->sheaves.frees();
	now.allocs = s->counters.sum(kmem_cache::allocs) + s->sheaves.allocs();
	now.failures = s->counters.sum(kmem_cache::failures);
	now.objects = backing::excess(now.allocs, now.frees);
	memcpy(stats, &now, now.size);
	return 0;
}

extern "C" int kmem_cache_for_each(int (*visit)(struct kmem_cache *s, void *arg), void *arg)
{
	struct caller {
		int (*visit)(struct kmem_cache *, void *);
		void *arg;
	} to = {visit, arg};
	return watch::registry_walk(
		watch::registry_kind::cache,
		[](void *object, void *call) {
			const auto *c = static_cast<caller *>(call);
			return c->visit(static_cast<kmem_cache *>(object), c->arg);
		},
		&to);
}
