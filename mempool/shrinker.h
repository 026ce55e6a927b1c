/* SPDX-License-Identifier: MIT */
/*
 * shrinker.h - give memory back before an allocation fails (PAR-35).
 *
 * When the page layer can get no more and the mask has __GFP_DIRECT_RECLAIM, it
 * gives back what caches keep for later (sheaves, barns, empty slabs), then asks
 * the shrinkers, then tries again: one round with __GFP_NORETRY, else some
 * rounds while they free anything. A thread that is inside reclaim never starts
 * it again: a shrinker's own allocations fail at once instead.
 */
#ifndef MEMPOOL_SHRINKER_H
#define MEMPOOL_SHRINKER_H

#include <mempool/gfp.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* SHRINK_STOP - what scan_objects() returns when it can do nothing now. */
#define SHRINK_STOP (~0ul)
/* SHRINK_EMPTY - what count_objects() returns when there is nothing at all; 0 means nothing that can be freed now. */
#define SHRINK_EMPTY (~0ul - 1)

/* DEFAULT_SEEKS - for struct shrinker's seeks; has no effect in userspace. */
#define DEFAULT_SEEKS 2

/**
 * struct shrink_control - what one call is asked for.
 * @gfp_mask: what the allocation may do, as its thread's memalloc_noio_save() and
 *	memalloc_nofs_save() scopes leave it: without __GFP_FS a callback keeps
 *	its hands off what a file system's lock protects, and returns SHRINK_STOP.
 * @nid: the memory node; always 0.
 * @nr_to_scan: objects to look at, for scan_objects().
 * @nr_scanned: objects looked at; is @nr_to_scan unless the callback changes it.
 */
struct shrink_control {
	gfp_t gfp_mask;
	int nid;
	unsigned long nr_to_scan;
	unsigned long nr_scanned;
};

/**
 * struct shrinker - someone who can free memory. Made by shrinker_alloc(); fill in, then register.
 * @count_objects: how many objects could be freed; 0 or SHRINK_EMPTY for none.
 * @scan_objects: looks at up to sc->nr_to_scan objects; how many it freed, or SHRINK_STOP.
 * @batch: most objects in one call of scan_objects(); 0 for 128.
 * @seeks: the kernel's cost of an object; has no effect.
 * @flags: as given to shrinker_alloc().
 * @private_data: the user's own.
 *
 * Callbacks run in the thread that allocates, or in the reclaim thread, and
 * never under a lock of the library; several threads may be in them at once.
 */
struct shrinker {
	unsigned long (*count_objects)(struct shrinker *shrinker, struct shrink_control *sc);
	unsigned long (*scan_objects)(struct shrinker *shrinker, struct shrink_control *sc);
	long batch;
	int seeks;
	unsigned int flags;
	void *private_data;
};

/**
 * shrinker_alloc() - make a shrinker, which is not asked yet.
 * @flags: 0; SHRINKER_NUMA_AWARE and the like do not exist here.
 * @fmt: its name, as for printf().
 *
 * PAR-35.
 *
 * Context: any thread. May sleep for a lock; not for signal handlers.
 * Return: the shrinker, or NULL with errno ENOMEM, or EINVAL and a report for unknown flags or no name.
 */
struct shrinker *shrinker_alloc(unsigned int flags, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * shrinker_register() - from now on it is asked.
 * @shrinker: from shrinker_alloc(), with both callbacks set; others are reported, and not registered.
 *
 * PAR-35.
 *
 * Context: any thread. May sleep for a lock; not for signal handlers, nor from a shrinker's callback.
 */
void shrinker_register(struct shrinker *shrinker);

/**
 * shrinker_free() - end a shrinker, registered or not.
 * @shrinker: the shrinker; NULL does nothing.
 *
 * Sleeps until no thread is in its callbacks.
 *
 * PAR-35.
 *
 * Context: any thread. Sleeps; not for signal handlers, nor from a shrinker's callback, which is reported, and does
 * nothing.
 */
void shrinker_free(struct shrinker *shrinker);

/**
 * mempool_reclaimd_start() - a thread that reclaims before allocations have to.
 *
 * It sleeps until the headroom falls below the watermark "low" (mempool-limits.h),
 * then gives back what caches keep and asks the shrinkers, until "high" is free
 * or nothing more can be freed; then it rests for 100 ms. A forked child has none until it starts its own.
 * Extension.
 *
 * Context: any thread. May sleep; not for signal handlers.
 * Return: 0; -EALREADY when it runs already; -EAGAIN or another -errno when there can be no thread.
 */
int mempool_reclaimd_start(void);

/**
 * mempool_reclaimd_stop() - end that thread, and wait until it has ended.
 *
 * Extension.
 *
 * Context: any thread but a shrinker's callback. Sleeps; not for signal handlers.
 * Return: 0; -ESRCH when it does not run; -EDEADLK from a shrinker's callback.
 */
int mempool_reclaimd_stop(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* MEMPOOL_SHRINKER_H */
