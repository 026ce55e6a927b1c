/* SPDX-License-Identifier: MIT */
/*
 * gfp.h - what an allocation may do to get its memory.
 *
 * The names and the combinations are the Linux kernel's (PAR-33); the bit
 * values are ours, so a mask must be written with these names, not numbers.
 */
#ifndef MEMPOOL_GFP_H
#define MEMPOOL_GFP_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/** gfp_t - a set of the flags below; bits without a name are reported and ignored. */
typedef unsigned int gfp_t;

/* Single flags. */
#define __GFP_HIGH ((gfp_t)0x0001u)           /* urgent: may use the memory kept below "min" */
#define __GFP_IO ((gfp_t)0x0002u)             /* reclaim may start input or output */
#define __GFP_FS ((gfp_t)0x0004u)             /* reclaim may call into a file system */
#define __GFP_DIRECT_RECLAIM ((gfp_t)0x0008u) /* the caller may reclaim memory and sleep */
#define __GFP_KSWAPD_RECLAIM ((gfp_t)0x0010u) /* background reclaim may be woken */
#define __GFP_NOWARN ((gfp_t)0x0020u)         /* a failure is expected: print nothing */
#define __GFP_RETRY_MAYFAIL ((gfp_t)0x0040u)  /* try hard, but give up in the end */
#define __GFP_NOFAIL ((gfp_t)0x0080u)         /* try for ever: slab, kmalloc and pages only */
#define __GFP_NORETRY ((gfp_t)0x0100u)        /* one try, no more */
#define __GFP_NOMEMALLOC ((gfp_t)0x0200u)     /* leave the system's own reserves alone */
#define __GFP_ZERO ((gfp_t)0x0400u)           /* zero the memory; not supported by mempools (PAR-14) */
#define __GFP_ACCOUNT ((gfp_t)0x0800u)        /* accepted, and has no effect in userspace */
#define __GFP_COMP ((gfp_t)0x1000u)           /* accepted, and has no effect in userspace */
#define __GFP_BITS_MASK ((gfp_t)0x1fffu)      /* every flag that has a name */

#define __GFP_RECLAIM (__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM)

/* The combinations that callers use (PAR-33). */
#define GFP_KERNEL (__GFP_RECLAIM | __GFP_IO | __GFP_FS)
#define GFP_NOFS (__GFP_RECLAIM | __GFP_IO)
#define GFP_NOIO (__GFP_RECLAIM)
#define GFP_NOWAIT (__GFP_KSWAPD_RECLAIM | __GFP_NOWARN)
#define GFP_ATOMIC (__GFP_HIGH | __GFP_KSWAPD_RECLAIM)
#define GFP_KERNEL_ACCOUNT (GFP_KERNEL | __GFP_ACCOUNT)

/** NUMA_NO_NODE - any memory node will do. */
#define NUMA_NO_NODE (-1)

/**
 * gfpflags_allow_blocking() - may an allocation with this mask sleep?
 * @gfp_flags: the mask.
 *
 * Context: any, signal handlers included. Never sleeps.
 * Return: true when the mask has __GFP_DIRECT_RECLAIM.
 */
static inline bool gfpflags_allow_blocking(gfp_t gfp_flags)
{
	return (gfp_flags & __GFP_DIRECT_RECLAIM) != 0;
}

/**
 * memalloc_noio_save() - from here on, this thread's reclaim starts no input or output.
 *
 * Strips __GFP_IO and __GFP_FS from the masks that the slab and page layers
 * see in this thread; a user's own alloc_fn sees the caller's mask (PAR-34).
 * Scopes nest: each save has its restore.
 *
 * Context: any thread. Never sleeps.
 * Return: what memalloc_noio_restore() wants back.
 */
unsigned int memalloc_noio_save(void);

/**
 * memalloc_noio_restore() - end a memalloc_noio_save() scope.
 * @flags: what the matching memalloc_noio_save() returned.
 *
 * Context: the thread that called the matching save. Never sleeps.
 */
void memalloc_noio_restore(unsigned int flags);

/**
 * memalloc_nofs_save() - from here on, this thread's reclaim calls into no file system.
 *
 * As memalloc_noio_save(), but strips __GFP_FS only (PAR-34).
 *
 * Context: any thread. Never sleeps.
 * Return: what memalloc_nofs_restore() wants back.
 */
unsigned int memalloc_nofs_save(void);

/**
 * memalloc_nofs_restore() - end a memalloc_nofs_save() scope.
 * @flags: what the matching memalloc_nofs_save() returned.
 *
 * Context: the thread that called the matching save. Never sleeps.
 */
void memalloc_nofs_restore(unsigned int flags);

/**
 * current_gfp_context() - a mask as this thread's scopes leave it.
 * @gfp_flags: the caller's mask.
 *
 * Context: any thread. Never sleeps.
 * Return: @gfp_flags less what the scopes strip (PAR-34).
 */
gfp_t current_gfp_context(gfp_t gfp_flags);

/**
 * non_block_start() - from here on, sleeping in this thread is a mistake.
 *
 * Until the matching non_block_end(), an allocation whose mask has
 * __GFP_DIRECT_RECLAIM is reported, and then made all the same (PAR-15).
 * Regions nest.
 *
 * Context: any thread. Never sleeps.
 */
void non_block_start(void);

/**
 * non_block_end() - end a non_block_start() region.
 *
 * Context: the thread that called the matching non_block_start(); without one
 * it is reported and does nothing. Never sleeps.
 */
void non_block_end(void);

/**
 * mempool_might_sleep() - what might_sleep() calls; use the macro.
 * @file: the caller's source file.
 * @line: the caller's line, counted from 1.
 *
 * Context: any thread; reports when sleeping is forbidden here. Never sleeps itself.
 */
void mempool_might_sleep(const char *file, int line);

/**
 * might_sleep() - state that the code after it may sleep.
 *
 * Inside a non_block_start() region, or in a signal handler, it is reported (PAR-15).
 */
#define might_sleep() mempool_might_sleep(__FILE__, __LINE__)

/** might_sleep_if() - might_sleep() when @cond holds. */
#define might_sleep_if(cond)           \
	do {                           \
		if (cond)              \
			might_sleep(); \
	} while (0)

/** might_alloc() - might_sleep() when an allocation with @gfp_mask may sleep. */
#define might_alloc(gfp_mask) might_sleep_if(gfpflags_allow_blocking(gfp_mask))

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* MEMPOOL_GFP_H */
