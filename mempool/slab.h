/* SPDX-License-Identifier: MIT */
/*
 * slab.h - where elements come from: caches, kmalloc, kvmalloc, pages.
 *
 * The names and argument orders are the Linux kernel's (PAR-31, PAR-32).
 * Everything here may be called from any thread at any time; only
 * kmem_cache_destroy() wants its cache to itself.
 *
 * "May fail" below means: NULL is returned, errno is ENOMEM, nothing is
 * printed. An impossible size is reported once, unless __GFP_NOWARN is set.
 */
#ifndef MEMPOOL_SLAB_H
#define MEMPOOL_SLAB_H

#include <mempool/gfp.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct kmem_cache;

/** slab_flags_t - a set of the SLAB_ flags below. */
typedef unsigned int slab_flags_t;

#define SLAB_CONSISTENCY_CHECKS ((slab_flags_t)0x0001u) /* check each free: double, foreign, misaligned */
#define SLAB_RED_ZONE ((slab_flags_t)0x0002u)           /* guard bytes around each object */
#define SLAB_POISON ((slab_flags_t)0x0004u)             /* fill free objects, check them when reused */
#define SLAB_STORE_USER ((slab_flags_t)0x0008u)         /* keep who allocated and who freed */
#define SLAB_HWCACHE_ALIGN ((slab_flags_t)0x0010u)      /* align objects to cache lines */
#define SLAB_PANIC ((slab_flags_t)0x0020u)              /* abort when the cache cannot be created */
#define SLAB_FAILSLAB ((slab_flags_t)0x0080u)           /* failslab with cache-filter fails this cache (PAR-38) */
/*
 * Slabs go back to the page layer only after a grace period of RCU (liburcu-bp):
 * a reader may look at an object that was freed. It finds an object of this cache,
 * perhaps another one already. See mempool-rcu.h.
 */
#define SLAB_TYPESAFE_BY_RCU ((slab_flags_t)0x0040u)

/** PAGE_SHIFT, PAGE_SIZE - the unit of the page functions: 4096 bytes on every machine. */
#ifndef PAGE_SHIFT
#define PAGE_SHIFT 12
#endif
#ifndef PAGE_SIZE
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#endif

/** MAX_PAGE_ORDER - the largest order that the page functions serve: 4 MiB. */
#define MAX_PAGE_ORDER 10

/** KMALLOC_MAX_SIZE - the largest size in bytes that kmalloc() and caches serve. */
#define KMALLOC_MAX_SIZE (PAGE_SIZE << MAX_PAGE_ORDER)

/** KMEM_CACHE_NAME_MAX - a cache's name has at most this many bytes, the final 0 included. */
#define KMEM_CACHE_NAME_MAX 64

/** ZERO_SIZE_PTR - what kmalloc(0) gives: not NULL, not to be touched, taken by kfree(). */
#define ZERO_SIZE_PTR ((void *)16)
#define ZERO_OR_NULL_PTR(x) ((size_t)(x) <= (size_t)ZERO_SIZE_PTR)

/**
 * kmem_cache_create() - make a cache of objects of one size (PAR-31).
 * @name: shown in reports and statistics; copied; 1 to KMEM_CACHE_NAME_MAX - 1 bytes.
 * @size: bytes of one object, 1 to KMALLOC_MAX_SIZE.
 * @align: bytes, a power of two up to PAGE_SIZE, or 0 for 8 bytes (16 for
 *         objects of 16 bytes or more).
 * @flags: SLAB_ flags, 0 for none. The debug options in force (see
 *         mempool-debug.h) add theirs.
 * @ctor: called once for each object when its slab is made, not at each
 *        allocation; the object must be freed in the constructed state. NULL for none.
 *
 * Context: may sleep. Not from a signal handler.
 * Return: the cache; NULL with errno EINVAL (bad argument: also reported) or
 * ENOMEM. With SLAB_PANIC a failure aborts the process instead.
 */
struct kmem_cache *kmem_cache_create(const char *name, unsigned int size, unsigned int align, slab_flags_t flags,
				     void (*ctor)(void *object));

/** KMEM_CACHE() - a cache for a structure, with the structure's name, size and alignment. */
#define KMEM_CACHE(__struct, __flags) \
	kmem_cache_create(#__struct, sizeof(struct __struct), __alignof__(struct __struct), (__flags), NULL)

/**
 * kmem_cache_destroy() - give a cache and its memory back (PAR-31).
 * @s: the cache, or NULL, which does nothing.
 *
 * Objects still allocated are reported, and their memory is kept; the cache
 * is gone all the same and must not be used again.
 *
 * Context: may sleep (waits for walkers, see kmem_cache_for_each()). Nobody else may use @s.
 */
void kmem_cache_destroy(struct kmem_cache *s);

/**
 * kmem_cache_alloc() - one object.
 * @s: the cache.
 * @gfp_flags: how hard to try; __GFP_ZERO zeroes the object (not with a constructor).
 *
 * Context: sleeps only with __GFP_DIRECT_RECLAIM. Without it for signal handlers too,
 * which may be refused what the interrupted thread is busy with.
 * Return: the object; may fail.
 */
void *kmem_cache_alloc(struct kmem_cache *s, gfp_t gfp_flags);

/** kmem_cache_zalloc() - kmem_cache_alloc() with __GFP_ZERO. */
static inline void *kmem_cache_zalloc(struct kmem_cache *s, gfp_t gfp_flags)
{
	return kmem_cache_alloc(s, gfp_flags | __GFP_ZERO);
}

/**
 * kmem_cache_free() - give one object back.
 * @s: the cache that the object came from.
 * @objp: the object, or NULL, which does nothing.
 *
 * What is not an object of this cache is reported and left alone; with
 * SLAB_CONSISTENCY_CHECKS so is an object that is free already.
 *
 * Context: any, signal handlers included. Never sleeps.
 */
void kmem_cache_free(struct kmem_cache *s, void *objp);

/**
 * kmem_cache_alloc_bulk() - several objects, all or none.
 * @s: the cache.
 * @gfp_flags: as for kmem_cache_alloc().
 * @nr: how many.
 * @p: receives @nr pointers; undefined when 0 is returned.
 *
 * Context: sleeps only with __GFP_DIRECT_RECLAIM. Without it for signal handlers too,
 * which may be refused what the interrupted thread is busy with.
 * Return: @nr, or 0 when not all could be had.
 */
int kmem_cache_alloc_bulk(struct kmem_cache *s, gfp_t gfp_flags, size_t nr, void **p);

/**
 * kmem_cache_free_bulk() - give several objects of one cache back.
 * @s: the cache.
 * @nr: how many.
 * @p: the objects; none may be NULL.
 *
 * Context: any, signal handlers included. Never sleeps.
 */
void kmem_cache_free_bulk(struct kmem_cache *s, size_t nr, void **p);

/**
 * kmem_cache_shrink() - give slabs without objects back to the page layer.
 * @s: the cache.
 *
 * Context: any thread. May wait for other threads for short times.
 * Return: 0 when no slab is left, 1 when some are still in use.
 */
int kmem_cache_shrink(struct kmem_cache *s);

/**
 * kmem_cache_size() - bytes of one object, as asked for at creation.
 * @s: the cache.
 *
 * Context: any, signal handlers included. Never sleeps.
 * Return: the size in bytes.
 */
unsigned int kmem_cache_size(struct kmem_cache *s);

/**
 * kmem_cache_name() - a cache's name. Extension.
 * @s: the cache.
 *
 * Context: any, signal handlers included. Never sleeps.
 * Return: a string that lives as long as the cache.
 */
const char *kmem_cache_name(struct kmem_cache *s);

/**
 * kmalloc() - memory of any size (PAR-32).
 * @size: bytes, 0 to KMALLOC_MAX_SIZE; 0 gives ZERO_SIZE_PTR.
 * @flags: how hard to try; __GFP_ZERO zeroes it.
 *
 * The address is aligned to @size when @size is a power of two (up to
 * PAGE_SIZE), and otherwise to 8 bytes (sizes up to 8) or 16.
 *
 * Context: sleeps only with __GFP_DIRECT_RECLAIM. Without it for signal handlers too,
 * which may be refused what the interrupted thread is busy with.
 * Return: the memory; may fail.
 */
void *kmalloc(size_t size, gfp_t flags);

/** kzalloc() - kmalloc() that zeroes. */
static inline void *kzalloc(size_t size, gfp_t flags)
{
	return kmalloc(size, flags | __GFP_ZERO);
}

/**
 * kmalloc_array() - memory for an array (PAR-32).
 * @n: how many.
 * @size: bytes of one.
 * @flags: as for kmalloc().
 *
 * Context: sleeps only with __GFP_DIRECT_RECLAIM. Without it for signal handlers too,
 * which may be refused what the interrupted thread is busy with.
 * Return: the memory; NULL also when @n times @size overflows.
 */
void *kmalloc_array(size_t n, size_t size, gfp_t flags);

/** kcalloc() - kmalloc_array() that zeroes. */
static inline void *kcalloc(size_t n, size_t size, gfp_t flags)
{
	return kmalloc_array(n, size, flags | __GFP_ZERO);
}

/**
 * krealloc() - change the size of kmalloc()'s memory (PAR-32).
 * @objp: the memory, or NULL for new memory.
 * @new_size: bytes; 0 frees @objp and gives ZERO_SIZE_PTR.
 * @flags: as for kmalloc(); __GFP_ZERO zeroes what is added beyond ksize().
 *
 * Context: sleeps only with __GFP_DIRECT_RECLAIM. Without it for signal handlers too,
 * which may be refused what the interrupted thread is busy with.
 * Return: the memory, perhaps moved; NULL when it failed: @objp is then untouched.
 */
void *krealloc(const void *objp, size_t new_size, gfp_t flags);

/**
 * kfree() - give kmalloc()'s memory back.
 * @objp: the memory; NULL and ZERO_SIZE_PTR do nothing.
 *
 * An address at which no allocation of this library starts is reported and left
 * alone. That an object is free already only SLAB_CONSISTENCY_CHECKS can tell.
 *
 * Context: any, signal handlers included. Never sleeps.
 */
void kfree(const void *objp);

/**
 * ksize() - the bytes that may be used at @objp: at least what was asked for.
 * @objp: kmalloc()'s memory; NULL and ZERO_SIZE_PTR give 0.
 *
 * Context: any, signal handlers included. Never sleeps.
 * Return: the size in bytes.
 */
size_t ksize(const void *objp);

/**
 * kvmalloc() - as kmalloc(), and where that fails or is too small, a mapping of its own.
 * @size: bytes; may be far beyond KMALLOC_MAX_SIZE.
 * @flags: as for kmalloc().
 *
 * Context: sleeps only with __GFP_DIRECT_RECLAIM. Without it for signal handlers too,
 * which may be refused what the interrupted thread is busy with.
 * Return: the memory; may fail.
 */
void *kvmalloc(size_t size, gfp_t flags);

/** kvzalloc() - kvmalloc() that zeroes. */
static inline void *kvzalloc(size_t size, gfp_t flags)
{
	return kvmalloc(size, flags | __GFP_ZERO);
}

/**
 * kvfree() - give kvmalloc()'s or kmalloc()'s memory back.
 * @addr: the memory; NULL and ZERO_SIZE_PTR do nothing.
 *
 * Context: any, signal handlers included. Never sleeps.
 */
void kvfree(const void *addr);

/**
 * __get_free_pages() - 2^@order pages of PAGE_SIZE bytes in a row.
 * @gfp_mask: how hard to try; __GFP_ZERO zeroes them.
 * @order: 0 to MAX_PAGE_ORDER. The address is aligned to the whole size.
 *
 * Context: sleeps only with __GFP_DIRECT_RECLAIM. Without it for signal handlers too,
 * which may be refused what the interrupted thread is busy with.
 * Return: the address; 0 when it failed.
 */
unsigned long __get_free_pages(gfp_t gfp_mask, unsigned int order);

/**
 * free_pages() - give pages back.
 * @addr: what __get_free_pages() returned; 0 does nothing.
 * @order: the same order.
 *
 * A wrong address or order is reported, and nothing is freed.
 *
 * Context: any, signal handlers included. Never sleeps.
 */
void free_pages(unsigned long addr, unsigned int order);

#define __get_free_page(gfp_mask) __get_free_pages((gfp_mask), 0)
#define get_zeroed_page(gfp_mask) __get_free_pages((gfp_mask) | __GFP_ZERO, 0)
#define free_page(addr) free_pages((addr), 0)

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* MEMPOOL_SLAB_H */
