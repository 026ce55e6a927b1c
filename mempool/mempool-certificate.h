/* SPDX-License-Identifier: MIT */
/*
 * mempool-certificate.h - is a pool's reserve really there? All of it is an
 * extension. docs/guarantee.md says what is promised, and what to do about each
 * of the reasons below.
 */
#ifndef MEMPOOL_CERTIFICATE_H
#define MEMPOOL_CERTIFICATE_H

#include <mempool/mempool.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/**
 * enum mempool_doubt - why a reserve is not guaranteed, a bit each.
 * @MEMPOOL_DOUBT_SIZE: elements are of a backing of the user's own, and their
 *        residency was not asked for.
 * @MEMPOOL_DOUBT_BACKING: elements come from the backing as they are:
 *        MEMPOOL_RESIDENCY_NONE, or a cache that looks at every object.
 * @MEMPOOL_DOUBT_UNLOCKED: elements are present, but not locked: they may be
 *        swapped out, or given back.
 * @MEMPOOL_DOUBT_STRUCTURES: the pool's own structures, or the library's, are not locked.
 * @MEMPOOL_DOUBT_MISSING: pages of elements are not in memory now.
 * @MEMPOOL_DOUBT_ADOPTED: the reserve holds elements that were taken in for
 *        others that are still out, and that are not known to be resident.
 * @MEMPOOL_DOUBT_LEVEL: the reserve holds less than min_nr elements.
 * @MEMPOOL_DOUBT_CHILD: this process is a child for which the reserve was left out.
 * @MEMPOOL_DOUBT_CGROUP: the process was in another memory cgroup when the
 *        reserve was made: that one is charged for it.
 * @MEMPOOL_DOUBT_SHARED: another process has pages of elements, too: a child of
 *        a fork that ran no handlers, or KSM. The next write to them is a page fault
 *        that needs memory.
 */
enum mempool_doubt {
	MEMPOOL_DOUBT_SIZE = 1 << 0,
	MEMPOOL_DOUBT_BACKING = 1 << 1,
	MEMPOOL_DOUBT_UNLOCKED = 1 << 2,
	MEMPOOL_DOUBT_STRUCTURES = 1 << 3,
	MEMPOOL_DOUBT_MISSING = 1 << 4,
	MEMPOOL_DOUBT_ADOPTED = 1 << 5,
	MEMPOOL_DOUBT_LEVEL = 1 << 6,
	MEMPOOL_DOUBT_CHILD = 1 << 7,
	MEMPOOL_DOUBT_CGROUP = 1 << 8,
	MEMPOOL_DOUBT_SHARED = 1 << 9,
};

/**
 * struct mempool_cert - what is known of a pool's reserve.
 * @size: set it to sizeof(struct mempool_cert) before the call.
 * @guaranteed: 1: an element that leaves the reserve can be touched, every
 *        byte, without a page fault that needs memory; 0: see @doubts.
 * @doubts: of enum mempool_doubt, those that hold.
 * @residency: enum mempool_residency, the default resolved.
 * @at_fork: enum mempool_at_fork.
 * @min_nr: elements the reserve is to hold.
 * @pinned: elements of the pool's own memory that are in the reserve.
 * @pinned_out: those that are out.
 * @adopted_resident: other elements in the reserve, all pages in memory now.
 * @adopted_unknown: other elements in the reserve, not so.
 * @element_bytes: bytes of one element; 0 unknown.
 * @reserve_bytes: memory that pinned elements are made of.
 * @locked_bytes: of @reserve_bytes and the pool's own structures, what is locked now.
 * @missing_pages: pages of elements, pinned or locked in place, that are not in
 *        memory now; the next touch of each would be a page fault.
 * @lock_errno: why elements are not locked; 0: they are. EPERM, ENOMEM or EAGAIN:
 *        as mlock(2) said; EFAULT: after a fork their pages could not be had;
 *        ENOLCK: they were, and somebody has unlocked them since.
 * @structures_errno: why structures are not locked; 0: they are. As above, and
 *        EFAULT also when they are shared with a child; ENOLCK also for a static
 *        library that its program has not locked.
 * @mergeable: 1: KSM may merge elements' pages. Of elements that are to be
 *        resident the library switches that off, anew with each call.
 * @minor_faults: page faults without input of the whole process since the pool
 *        was made, whatever they were for.
 * @major_faults: those with input.
 * @memlock_limit_bytes: RLIMIT_MEMLOCK; SIZE_MAX: none.
 * @address_space_limit_bytes: RLIMIT_AS; SIZE_MAX: none.
 * @data_limit_bytes: RLIMIT_DATA; SIZE_MAX: none.
 * @cgroup_limit_bytes: of the memory cgroup, or the nearest one above that
 *        limits; SIZE_MAX: none, or not known.
 * @cgroup_used_bytes: what is charged there now.
 * @cgroup: its path below the mount; empty when not known. Cut short when longer.
 * @unlocked_pages: pages of elements, as for @missing_pages, that are not locked now.
 * @shared_pages: those that another process has, too; 0 when the kernel does not say.
 */
struct mempool_cert {
	size_t size;
	int guaranteed;
	unsigned int doubts;
	unsigned int residency;
	unsigned int at_fork;
	int min_nr;
	int pinned;
	int pinned_out;
	int adopted_resident;
	int adopted_unknown;
	int lock_errno;
	int structures_errno;
	int mergeable;
	size_t element_bytes;
	size_t reserve_bytes;
	size_t locked_bytes;
	size_t missing_pages;
	uint64_t minor_faults;
	uint64_t major_faults;
	size_t memlock_limit_bytes;
	size_t address_space_limit_bytes;
	size_t data_limit_bytes;
	size_t cgroup_limit_bytes;
	size_t cgroup_used_bytes;
	char cgroup[128];
	size_t unlocked_pages;
	size_t shared_pages;
};

/**
 * mempool_certificate() - look at a pool's reserve, and judge it.
 * @pool: an initialised pool.
 * @cert: @cert->size set by the caller; receives at most that many bytes.
 *
 * May be asked again at any time, and looks anew each time. The kernel is asked
 * about each page of elements and structures: mincore(2) says what is there,
 * /proc/self/pagemap whose it is, msync(2) whether it is locked. A page fault
 * that an element took since it left the reserve is not counted by itself (no
 * call tells): what it would take at its next touch is, in @missing_pages and
 * @shared_pages, and all that the process took, in @minor_faults and @major_faults.
 * Costs some 0.4 us a page, and a few system calls for each adopted element.
 * What others do meanwhile may or may not be seen.
 *
 * Context: any thread; reads files of /proc. Not from a signal handler.
 * Return: 0, or -EINVAL when the pool is not initialised or the size is too
 * small to hold @size itself.
 */
int mempool_certificate(mempool_t *pool, struct mempool_cert *cert);

/**
 * mempool_doubt_text() - a doubt in words.
 * @doubt: one bit of enum mempool_doubt.
 *
 * Context: any.
 * Return: a sentence without its full stop; "unknown doubt" for anything else.
 */
const char *mempool_doubt_text(unsigned int doubt);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* MEMPOOL_CERTIFICATE_H */
