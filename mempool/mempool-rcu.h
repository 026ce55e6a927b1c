/* SPDX-License-Identifier: MIT */
/*
 * mempool-rcu.h - frees that wait until no reader of RCU can see the memory
 * any more (PAR-31, PAR-32).
 *
 *	struct entry {
 *		int value;
 *		struct mempool_rcu_head rcu;
 *	};
 *	kfree_rcu(entry, rcu);
 *
 * Readers are those of liburcu-bp: urcu_bp_read_lock() and urcu_bp_read_unlock(),
 * or rcu_read_lock() with <urcu-bp.h>. This header includes nothing of liburcu,
 * and has no struct rcu_head, which is a name of liburcu's: where the kernel
 * wants one, any member of two pointers or more will do, liburcu's included.
 *
 * The frees are done by a thread of the library, which the first call starts.
 * Where it cannot be had, what was handed over stays queued; each further call
 * tries again, and mempool_rcu_barrier() frees it without that thread. Nothing
 * here calls liburcu's call_rcu(), whose first call ends the process when there
 * is no memory. To have the thread before an emergency, call
 * mempool_rcu_barrier() once when the program starts.
 *
 * Nothing holds back threads that hand over faster than one thread can free:
 * such a program calls mempool_rcu_barrier() now and then.
 *
 * A forked child frees what was queued when it was forked, its copy of it, at its
 * first call, except for the one object that another thread was just freeing.
 * Do not fork in a read section: the fork waits for grace periods.
 */
#ifndef MEMPOOL_RCU_H
#define MEMPOOL_RCU_H

#include <mempool/mempool.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/** struct mempool_rcu_head - room for the library in an object that waits to be freed. */
struct mempool_rcu_head {
	void *reserved[4];
};

#ifdef __cplusplus
#define MEMPOOL_RCU_ASSERT static_assert
#else
#define MEMPOOL_RCU_ASSERT _Static_assert
#endif

/**
 * kfree_rcu() - kfree() or kvfree() when no reader can see the object any more (PAR-32).
 * @ptr: a pointer to a structure from kmalloc(), kvmalloc() or a cache; NULL does nothing.
 * @rhf: the name of a member of it, of two pointers' size at least, which the
 *       library writes to at once.
 *
 * Context: any, signal handlers included (there it starts no thread). Never sleeps, allocates nothing
 * but the thread.
 */
#define kfree_rcu(ptr, rhf)                                                                          \
	do {                                                                                         \
		__typeof__(ptr) mempool_rcu_ptr_ = (ptr);                                            \
		MEMPOOL_RCU_ASSERT(sizeof(mempool_rcu_ptr_->rhf) >= 2 * sizeof(void *),              \
				   "kfree_rcu: the member must have room for two pointers");         \
		if (mempool_rcu_ptr_)                                                                \
			mempool_kfree_rcu((void *)mempool_rcu_ptr_, (void *)&mempool_rcu_ptr_->rhf); \
	} while (0)

/**
 * mempool_kfree_rcu() - what kfree_rcu() calls. Extension.
 * @objp: the object; NULL does nothing.
 * @head: aligned room for two pointers, in the object or elsewhere, until it is freed.
 *
 * Context: as kfree_rcu().
 */
void mempool_kfree_rcu(void *objp, void *head);

/**
 * kfree_rcu_mightsleep() - kfree_rcu() for an object without a member to spare (PAR-32).
 * @objp: from kmalloc(), kvmalloc() or a cache; NULL does nothing.
 *
 * Waits for a grace period and frees: needs no memory, nor a thread.
 *
 * Context: sleeps until the readers that run now are done. Not in a read section, nor from a signal handler.
 */
void kfree_rcu_mightsleep(const void *objp);

/**
 * mempool_free_rcu() - mempool_free() when no reader can see the element any more. Extension.
 * @element: the element, or NULL, which does nothing.
 * @pool: the pool that it came from. mempool_exit() waits for its elements.
 * @head: in the element or elsewhere, until it is freed; written to at once.
 *
 * The element comes back by the library's thread, so free_fn runs there, too.
 *
 * Context: as kfree_rcu().
 */
void mempool_free_rcu(void *element, mempool_t *pool, struct mempool_rcu_head *head);

/**
 * mempool_rcu_barrier() - wait until all that was handed over before is freed. Extension.
 *
 * Does the work itself where the library's thread does not. Tries to start it.
 *
 * Context: sleeps for a grace period at least. Not in a read section, nor from a signal handler.
 */
void mempool_rcu_barrier(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* MEMPOOL_RCU_H */
