/* SPDX-License-Identifier: MIT */
/*
 * mempool-stats.h - what pools and caches have done so far, and which there
 * are. All of it is an extension.
 *
 * Counters are read without stopping anybody: each is exact, but two of them
 * may be some operations apart.
 */
#ifndef MEMPOOL_STATS_H
#define MEMPOOL_STATS_H

#include <mempool/mempool.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/**
 * struct mempool_statistics - one pool's figures since it was initialised.
 * @size: set it to sizeof(struct mempool_statistics) before the call.
 * @min_nr: elements the reserve is to hold.
 * @curr_nr: elements it holds.
 * @lowest_nr: the lowest level it ever had since it was first full.
 * @waiters: threads asleep now.
 * @allocs: elements handed out.
 * @frees: elements given back, to the reserve or through it to the backing.
 * @from_reserve: of @allocs, those served from the reserve.
 * @to_reserve: of @frees, those that went to the reserve.
 * @backing_failures: times that alloc_fn gave NULL to an allocation.
 * @failures: allocations that ended with NULL.
 * @sleeps: times that a thread went to sleep.
 * @wakes: of @sleeps, those that ended because an element came.
 * @timeouts: of @sleeps, those that the clock ended.
 * @wait_total_ns: time slept, all threads together, in ns.
 * @wait_longest_ns: the longest single sleep, in ns.
 */
struct mempool_statistics {
	size_t size;
	int min_nr;
	int curr_nr;
	int lowest_nr;
	int waiters;
	uint64_t allocs;
	uint64_t frees;
	uint64_t from_reserve;
	uint64_t to_reserve;
	uint64_t backing_failures;
	uint64_t failures;
	uint64_t sleeps;
	uint64_t wakes;
	uint64_t timeouts;
	uint64_t wait_total_ns;
	uint64_t wait_longest_ns;
};

/**
 * mempool_stats() - read a pool's figures.
 * @pool: an initialised pool.
 * @stats: @stats->size set by the caller; receives at most that many bytes.
 *
 * Context: any thread. Never sleeps.
 * Return: 0, or -EINVAL when the pool is not initialised or the size is too small to hold @size itself.
 */
int mempool_stats(const mempool_t *pool, struct mempool_statistics *stats);

/**
 * struct kmem_cache_statistics - one cache's figures since it was created.
 * @size: set it to sizeof(struct kmem_cache_statistics) before the call.
 * @object_size: bytes of one object, as asked for.
 * @slot_size: bytes that one object takes, padding and debug data included.
 * @slab_bytes: bytes of one slab.
 * @objects_per_slab: objects in one slab.
 * @slabs: slabs held now.
 * @objects: objects allocated now.
 * @allocs: objects handed out.
 * @frees: objects given back.
 * @failures: allocations that ended with NULL.
 */
struct kmem_cache_statistics {
	size_t size;
	uint32_t object_size;
	uint32_t slot_size;
	uint32_t slab_bytes;
	uint32_t objects_per_slab;
	uint64_t slabs;
	uint64_t objects;
	uint64_t allocs;
	uint64_t frees;
	uint64_t failures;
};

/**
 * kmem_cache_stats() - read a cache's figures.
 * @s: the cache.
 * @stats: @stats->size set by the caller; receives at most that many bytes.
 *
 * Context: any thread. Never sleeps.
 * Return: 0, or -EINVAL when the size is too small to hold @size itself.
 */
int kmem_cache_stats(struct kmem_cache *s, struct kmem_cache_statistics *stats);

/**
 * mempool_for_each() - walk all initialised pools.
 * @visit: called for each pool; a return value other than 0 ends the walk.
 *         It must not initialise, exit or destroy pools or caches.
 * @arg: handed to @visit.
 *
 * Runs beside all other calls, without a lock: a pool that comes or goes
 * meanwhile may or may not be seen.
 *
 * Context: any thread; @visit runs in an RCU read section, and should not sleep.
 * Return: what the last @visit returned; 0 without pools.
 */
int mempool_for_each(int (*visit)(mempool_t *pool, void *arg), void *arg);

/**
 * kmem_cache_for_each() - walk all caches, kmalloc's own included.
 * @visit: as for mempool_for_each().
 * @arg: handed to @visit.
 *
 * Context and return: as mempool_for_each().
 */
int kmem_cache_for_each(int (*visit)(struct kmem_cache *s, void *arg), void *arg);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* MEMPOOL_STATS_H */
