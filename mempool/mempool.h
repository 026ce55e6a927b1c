/* SPDX-License-Identifier: MIT */
/*
 * mempool.h - a pool that keeps a reserve of elements, so that an allocation
 * on a critical path never fails.
 *
 * The names, the argument orders and the behaviour are the Linux kernel's;
 * PAR-n cites docs/parity.md, "extension" marks what the kernel does not have.
 *
 *	mempool_t *pool = mempool_create_kmalloc_pool(64, 256);
 *	void *element = mempool_alloc(pool, GFP_KERNEL);   never NULL
 *	mempool_free(element, pool);
 *	mempool_destroy(pool);
 *
 * alloc, free, bulk and resize of one pool may run in any threads at the same
 * time; exit and destroy want the pool to themselves (PAR-28).
 */
#ifndef MEMPOOL_MEMPOOL_H
#define MEMPOOL_MEMPOOL_H

#include <mempool/gfp.h>
#include <mempool/slab.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/**
 * mempool_alloc_t - the backing's way to make an element.
 * @gfp_mask: what the allocation may do (PAR-8, PAR-9 say which mask it gets).
 * @pool_data: as given when the pool was made.
 *
 * Return: an element, or NULL when none can be had now. It must sleep only
 * when @gfp_mask has __GFP_DIRECT_RECLAIM.
 */
typedef void *(mempool_alloc_t)(gfp_t gfp_mask, void *pool_data);

/**
 * mempool_free_t - the backing's way to take an element back.
 * @element: the element.
 * @pool_data: as given when the pool was made.
 */
typedef void(mempool_free_t)(void *element, void *pool_data);

struct mempool_control;

/**
 * struct mempool - a pool; may be embedded in a structure of yours.
 * @min_nr: elements that the reserve is to hold. Read only.
 * @pool_data: handed to @alloc and @free. Read only.
 * @alloc: makes an element. Read only.
 * @free: takes an element back. Read only.
 *
 * All bytes 0 is a valid pool that is not initialised (PAR-5). An embedded
 * pool must be zeroed before mempool_init(), and must not be copied or moved.
 */
typedef struct mempool {
	int min_nr;
	unsigned int origin; /* the library's own */
	void *pool_data;
	mempool_alloc_t *alloc;
	mempool_free_t *free;
	struct mempool_control *control; /* the library's own, as are the others */
	void *ready;                     /* where elements lie ready, on an ordinary day */
	void *takes_back;                /* and where they go back to */
	uintptr_t home_start;            /* around the memory that reserved elements are made of */
	size_t home_bytes;
	void *direct; /* a pool over callbacks that nothing else has to be asked about */
	void *reserved[22];
} mempool_t;

/** MEMPOOL_NAME_MAX - a pool's name has at most this many bytes, the final 0 included. */
#define MEMPOOL_NAME_MAX 64

/** MEMPOOL_NR_MAX - the largest min_nr that a pool accepts. */
#define MEMPOOL_NR_MAX (1 << 28)

/**
 * enum mempool_store - how a pool keeps its reserve. Extension.
 * @MEMPOOL_STORE_SPREAD: without a lock, each CPU at its own part of the array;
 *                        the default. Elements must be addresses of this
 *                        process (or other values without the highest bit
 *                        that addresses leave free: 55 on aarch64, else 63).
 * @MEMPOOL_STORE_LOCKED: as the kernel has it, an array and a lock; always
 *                        hands out the newest element first.
 */
enum mempool_store {
	MEMPOOL_STORE_SPREAD = 0,
	MEMPOOL_STORE_LOCKED = 1,
};

/**
 * enum mempool_residency - shall reserved elements, and all that is needed to
 * hand them out, be in memory for good? Extension; docs/guarantee.md says what
 * that means and how to see it.
 * @MEMPOOL_RESIDENCY_DEFAULT: best effort with a ready-made backing, whose
 *        reserve is then made of memory of the pool's own; none with your own.
 * @MEMPOOL_RESIDENCY_BEST_EFFORT: their pages exist, and are locked if that is
 *        allowed; the certificate says why they are not. With callbacks of your
 *        own, @element_size must be given.
 * @MEMPOOL_RESIDENCY_REQUIRED: as before, but making or growing the reserve
 *        fails when they cannot be locked.
 * @MEMPOOL_RESIDENCY_NONE: reserved elements come from the backing, as they are.
 */
enum mempool_residency {
	MEMPOOL_RESIDENCY_DEFAULT = 0,
	MEMPOOL_RESIDENCY_BEST_EFFORT = 1,
	MEMPOOL_RESIDENCY_REQUIRED = 2,
	MEMPOOL_RESIDENCY_NONE = 3,
};

/**
 * enum mempool_at_fork - what a child has of the reserve. Extension.
 * @MEMPOOL_AT_FORK_COPY: a copy; both sides' pages are made their own before
 *        fork() returns, which takes the time to copy them.
 * @MEMPOOL_AT_FORK_PARENT_ONLY: nothing. The child's pool is valid and its
 *        reserve empty; it takes in what is freed to it. An element that was out
 *        is not there in the child.
 * @MEMPOOL_AT_FORK_WIPE: elements of its own, all bytes 0, made to exist when
 *        the child first uses the pool. An element that was out is the child's
 *        reserve's again, and must not be freed there.
 *
 * Other than a copy is for ready-made backings whose residency is not NONE.
 */
enum mempool_at_fork {
	MEMPOOL_AT_FORK_COPY = 0,
	MEMPOOL_AT_FORK_PARENT_ONLY = 1,
	MEMPOOL_AT_FORK_WIPE = 2,
};

/**
 * struct mempool_attr - options for making a pool. Extension.
 * @size: sizeof(struct mempool_attr), so that the structure can grow.
 * @name: for reports and statistics; copied; up to MEMPOOL_NAME_MAX - 1
 *        bytes. NULL: the library makes one up.
 * @gfp_mask: handed to @alloc when the reserve is filled. 0 means GFP_KERNEL.
 * @node: NUMA node, or NUMA_NO_NODE. Any other node is accepted as a wish.
 * @element_size: bytes of one element when alloc and free are your own, for
 *                poisoning; its elements must then lie at even addresses.
 *                0 when unknown. Ready-made backings know theirs.
 * @store: one of enum mempool_store.
 * @residency: one of enum mempool_residency.
 * @at_fork: one of enum mempool_at_fork.
 * @eventfd: 1: the descriptor of mempool_eventfd() (mempool-pressure.h) is made with the pool, which fails
 *        without it; 0: with the first call of that.
 *
 * Start from MEMPOOL_ATTR_INIT and set what you want.
 */
struct mempool_attr {
	size_t size;
	const char *name;
	gfp_t gfp_mask;
	int node;
	size_t element_size;
	unsigned int store;
	unsigned int residency;
	unsigned int at_fork;
	unsigned int eventfd;
};

#ifdef __cplusplus
#define MEMPOOL_ATTR_INIT                                                                     \
	{                                                                                     \
		sizeof(struct mempool_attr), nullptr, GFP_KERNEL, NUMA_NO_NODE, 0, 0, 0, 0, 0 \
	}
#else
#define MEMPOOL_ATTR_INIT                                                                         \
	{                                                                                         \
		.size = sizeof(struct mempool_attr), .gfp_mask = GFP_KERNEL, .node = NUMA_NO_NODE \
	}
#endif

/**
 * mempool_init_attr() - prepare an embedded pool, with options. Extension.
 * @pool: zeroed.
 * @min_nr: elements to reserve, 0 to MEMPOOL_NR_MAX; 0 still reserves one (PAR-4).
 * @alloc_fn: makes an element; called max(1, @min_nr) times now (PAR-1).
 * @free_fn: takes an element back.
 * @pool_data: handed to both.
 * @attr: options, or NULL for none.
 *
 * Context: may sleep as @attr->gfp_mask allows. Not from a signal handler.
 * Return: 0; -ENOMEM (every element already made went back through @free_fn,
 * newest first, PAR-2); -EINVAL for a bad argument, also reported, with
 * @pool untouched; -ENAMETOOLONG; -EBUSY when @pool is already initialised.
 */
int mempool_init_attr(mempool_t *pool, int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn, void *pool_data,
		      const struct mempool_attr *attr);

/**
 * mempool_init_node() - prepare an embedded pool (PAR-1).
 * @pool: zeroed.
 * @min_nr: as for mempool_init_attr().
 * @alloc_fn: as for mempool_init_attr().
 * @free_fn: as for mempool_init_attr().
 * @pool_data: as for mempool_init_attr().
 * @gfp_mask: handed to @alloc_fn, unchanged, while the reserve is filled.
 * @node_id: NUMA node, or NUMA_NO_NODE.
 *
 * Context: may sleep as @gfp_mask allows. Not from a signal handler.
 * Return: as mempool_init_attr().
 */
int mempool_init_node(mempool_t *pool, int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn, void *pool_data,
		      gfp_t gfp_mask, int node_id);

/** mempool_init() - mempool_init_node() with GFP_KERNEL and NUMA_NO_NODE (PAR-3). */
int mempool_init(mempool_t *pool, int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn, void *pool_data);

/**
 * mempool_create_attr() - make a pool, with options. Extension.
 *
 * Parameters and context: as mempool_init_attr().
 * Return: the pool, or NULL with errno set to what mempool_init_attr() would return.
 */
mempool_t *mempool_create_attr(int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn, void *pool_data,
			       const struct mempool_attr *attr);

/** mempool_create_node() - make a pool (PAR-3); parameters as mempool_init_node(). NULL with errno on failure. */
mempool_t *mempool_create_node(int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn, void *pool_data,
			       gfp_t gfp_mask, int node_id);

/** mempool_create() - mempool_create_node() with GFP_KERNEL and NUMA_NO_NODE (PAR-3). */
mempool_t *mempool_create(int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn, void *pool_data);

/**
 * mempool_exit() - undo mempool_init() (PAR-5).
 * @pool: legal also when zeroed and never initialised, and twice.
 *
 * Gives the reserve to free_fn, newest first. Elements still out are the
 * caller's mistake: counted and reported with the debug option "track".
 *
 * Context: may sleep (waits for walkers). Nobody else may use the pool.
 */
void mempool_exit(mempool_t *pool);

/**
 * mempool_destroy() - undo mempool_create() (PAR-6).
 * @pool: the pool, or NULL, which does nothing.
 *
 * Context: as mempool_exit().
 */
void mempool_destroy(mempool_t *pool);

/**
 * mempool_resize() - change how many elements the reserve is to hold.
 * @pool: the pool.
 * @new_min_nr: 1 to MEMPOOL_NR_MAX.
 *
 * Shrinking gives the surplus to free_fn, newest first (PAR-26), or keeps it
 * aside where it is the pool's own memory. Growing takes more of that, or asks
 * alloc_fn(GFP_KERNEL); when it stops early, later frees fill the rest, and 0
 * is returned all the same (PAR-27), unless residency is required. alloc and
 * free may go on meanwhile; sleepers are woken when elements came (PAR-28).
 *
 * Context: may sleep. Not from a signal handler.
 * Return: 0; -EINVAL for a bad @new_min_nr, also reported; -ENOMEM when the
 * bookkeeping cannot be had: the pool is then unchanged.
 */
int mempool_resize(mempool_t *pool, int new_min_nr);

/**
 * mempool_alloc() - an element: from the backing, or else from the reserve.
 * @pool: the pool.
 * @gfp_mask: what the allocation may do. __GFP_ZERO is not supported (PAR-14).
 *
 * With __GFP_DIRECT_RECLAIM (as in GFP_KERNEL) it never returns NULL: when
 * backing and reserve are empty it sleeps until an element comes back, and
 * asks again at least every 5 s (PAR-12). Without it (GFP_ATOMIC, GFP_NOWAIT)
 * it never sleeps, and may return NULL with errno ENOMEM (PAR-13).
 *
 * Context: sleeps only with __GFP_DIRECT_RECLAIM. Without it a signal handler
 * may call it, whatever it interrupted, on pools with ready-made backings or
 * where alloc_fn may be called there, but for those with MEMPOOL_STORE_LOCKED;
 * it saves errno for whom it interrupted.
 * Return: the element, or NULL as said.
 */
void *mempool_alloc(mempool_t *pool, gfp_t gfp_mask);

/**
 * mempool_alloc_timeout() - mempool_alloc() that gives up. Extension.
 * @pool: the pool.
 * @gfp_mask: as for mempool_alloc().
 * @timeout_ns: the longest time to sleep, in ns; 0 does not sleep at all.
 *
 * Context: sleeps up to @timeout_ns, only with __GFP_DIRECT_RECLAIM. Signal
 * handlers as for mempool_alloc().
 * Return: the element; NULL with errno ETIMEDOUT after the time, or ENOMEM
 * when @gfp_mask does not allow to sleep.
 */
void *mempool_alloc_timeout(mempool_t *pool, gfp_t gfp_mask, uint64_t timeout_ns);

/**
 * mempool_alloc_preallocated() - an element from the reserve only (PAR-16).
 * @pool: the pool.
 *
 * Context: any, signal handlers included (not with MEMPOOL_STORE_LOCKED).
 * Never sleeps.
 * Return: the element; NULL with errno ENOMEM when the reserve is empty.
 */
void *mempool_alloc_preallocated(mempool_t *pool);

/**
 * mempool_alloc_bulk() - several elements at once, without the deadlock of a loop (PAR-17, PAR-18).
 * @pool: the pool.
 * @elems: @count slots; the NULL ones are filled, upwards.
 * @count: slots, at most the pool's min_nr for a guarantee; more warns once.
 * @allocated: how many slots are not NULL already; a wrong number is
 *             corrected, with a warning.
 *
 * Always as with GFP_KERNEL. The reserve serves all that is missing, or nothing.
 *
 * Context: may sleep.
 * Return: always 0, with every slot filled.
 */
int mempool_alloc_bulk(mempool_t *pool, void **elems, unsigned int count, unsigned int allocated);

/**
 * mempool_free() - give an element back.
 * @element: the element, or NULL, which does nothing (PAR-20).
 * @pool: the pool that it came from.
 *
 * While the reserve is not full, any freed element goes there, and sleepers
 * are woken; else to free_fn (PAR-21, PAR-24). One that is the pool's own memory
 * always goes there, and another makes way. Whether it is an element of
 * this pool is not looked at, as in the kernel: what is not damages the pool.
 * The debug option "track" finds it, for any backing.
 *
 * Context: sleeps only if free_fn does. A signal handler may call it, whatever
 * it interrupted, on pools with ready-made backings or where free_fn may be
 * called there. Not with the store MEMPOOL_STORE_LOCKED.
 */
void mempool_free(void *element, mempool_t *pool);

/**
 * mempool_free_bulk() - offer several elements to the reserve (PAR-25).
 * @pool: the pool.
 * @elems: the elements.
 * @count: how many.
 *
 * Takes from the front of @elems until the reserve is full, and in any case up
 * to the last one that is the pool's own memory. The slots that were taken are
 * left as they are; the caller owns only the rest, and hands it to its backing.
 *
 * Context: as mempool_free().
 * Return: how many were taken.
 */
unsigned int mempool_free_bulk(mempool_t *pool, void **elems, unsigned int count);

/**
 * mempool_curr_nr() - how many elements the reserve holds now (PAR-7).
 * @pool: the pool; 0 for one that is not initialised.
 *
 * Context: any, signal handlers included. Never sleeps.
 * Return: the level; it may be old as soon as it is read.
 */
int mempool_curr_nr(const mempool_t *pool);

/** mempool_initialized() - was mempool_init() called, and no mempool_exit() since? (PAR-7) */
static inline bool mempool_initialized(const mempool_t *pool)
{
	return pool->control != NULL;
}

/** mempool_is_saturated() - does the reserve hold min_nr elements? (PAR-7) */
bool mempool_is_saturated(const mempool_t *pool);

/**
 * mempool_name() - a pool's name. Extension.
 * @pool: the pool.
 *
 * Context: any, signal handlers included. Never sleeps.
 * Return: a string that lives until mempool_exit(); "(uninitialized)" for a pool that is not initialised.
 */
const char *mempool_name(const mempool_t *pool);

/*
 * Ready-made backings (PAR-29). pool_data is the cache, the size in bytes
 * (kmalloc, kvmalloc), or the order (pages; an element is the address).
 */
void *mempool_alloc_slab(gfp_t gfp_mask, void *pool_data);
void mempool_free_slab(void *element, void *pool_data);
void *mempool_kmalloc(gfp_t gfp_mask, void *pool_data);
void mempool_kfree(void *element, void *pool_data);
void *mempool_kvmalloc(gfp_t gfp_mask, void *pool_data);
void mempool_kvfree(void *element, void *pool_data);
void *mempool_alloc_pages(gfp_t gfp_mask, void *pool_data);
void mempool_free_pages(void *element, void *pool_data);

/**
 * mempool_init_slab_pool() - an embedded pool of a cache's objects.
 * @pool: zeroed.
 * @min_nr: elements to reserve.
 * @kc: the cache; one with a constructor is refused with -EINVAL and a report.
 *
 * Context and return: as mempool_init().
 */
static inline int mempool_init_slab_pool(mempool_t *pool, int min_nr, struct kmem_cache *kc)
{
	return mempool_init(pool, min_nr, mempool_alloc_slab, mempool_free_slab, (void *)kc);
}

/** mempool_create_slab_pool() - as mempool_init_slab_pool(), and makes the pool too. NULL with errno on failure. */
static inline mempool_t *mempool_create_slab_pool(int min_nr, struct kmem_cache *kc)
{
	return mempool_create(min_nr, mempool_alloc_slab, mempool_free_slab, (void *)kc);
}

/** mempool_init_kmalloc_pool() - an embedded pool of kmalloc(@size) elements; @size in bytes. */
static inline int mempool_init_kmalloc_pool(mempool_t *pool, int min_nr, size_t size)
{
	return mempool_init(pool, min_nr, mempool_kmalloc, mempool_kfree, (void *)size);
}

/** mempool_create_kmalloc_pool() - a pool of kmalloc(@size) elements; NULL with errno on failure. */
static inline mempool_t *mempool_create_kmalloc_pool(int min_nr, size_t size)
{
	return mempool_create(min_nr, mempool_kmalloc, mempool_kfree, (void *)size);
}

/** mempool_init_kvmalloc_pool() - an embedded pool of kvmalloc(@size) elements; @size in bytes. */
static inline int mempool_init_kvmalloc_pool(mempool_t *pool, int min_nr, size_t size)
{
	return mempool_init(pool, min_nr, mempool_kvmalloc, mempool_kvfree, (void *)size);
}

/** mempool_create_kvmalloc_pool() - a pool of kvmalloc(@size) elements; NULL with errno on failure. */
static inline mempool_t *mempool_create_kvmalloc_pool(int min_nr, size_t size)
{
	return mempool_create(min_nr, mempool_kvmalloc, mempool_kvfree, (void *)size);
}

/** mempool_init_page_pool() - an embedded pool of 2^@order pages each. */
static inline int mempool_init_page_pool(mempool_t *pool, int min_nr, int order)
{
	return mempool_init(pool, min_nr, mempool_alloc_pages, mempool_free_pages, (void *)(size_t)order);
}

/** mempool_create_page_pool() - a pool of 2^@order pages each; NULL with errno on failure. */
static inline mempool_t *mempool_create_page_pool(int min_nr, int order)
{
	return mempool_create(min_nr, mempool_alloc_pages, mempool_free_pages, (void *)(size_t)order);
}

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* MEMPOOL_MEMPOOL_H */
