// SPDX-License-Identifier: MIT
/* residency_limits.c - reserves under RLIMIT_MEMLOCK, RLIMIT_AS and RLIMIT_DATA, without privileges (extension). */
#include "certified.h"

#include <errno.h>
#include <mempool/slab.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIN_NR 20
#define ELEMENT 256

static struct child_result child;
static mempool_t *pool;
static struct kmem_cache *cache;

static mempool_t *make(unsigned int residency)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;

	attr.residency = residency;
	return mempool_create_attr(MIN_NR, mempool_alloc_slab, mempool_free_slab, cache, &attr);
}

/* In a child that may lock so many bytes, and has no privileges. */
static int required_under_limit(void *limit)
{
	const struct rlimit to = {*(rlim_t *)limit, *(rlim_t *)limit};

	cache = kmem_cache_create("required", 4096, 0, 0, NULL);
	if (setrlimit(RLIMIT_MEMLOCK, &to) != 0 || setresuid(65534, 65534, 65534) != 0)
		return 77;
	errno = 0;
	pool = make(MEMPOOL_RESIDENCY_REQUIRED);
	if (pool || errno != (to.rlim_cur ? ENOMEM : EPERM))
		return 1;
	expect_report(MEMPOOL_REPORT_BUG, to.rlim_cur ? "RLIMIT_MEMLOCK is too low" : "RLIMIT_MEMLOCK is 0");
	pool = make(MEMPOOL_RESIDENCY_BEST_EFFORT);
	if (!pool || cert_of(pool).guaranteed || cert_of(pool).lock_errno != (to.rlim_cur ? ENOMEM : EPERM))
		return 2;
	if (!(cert_of(pool).doubts & MEMPOOL_DOUBT_UNLOCKED) || doubts_but_locks(pool))
		return 3;
	return 0;
}

/* _i: bytes */
START_TEST(residency_limits_required_fails_where_locking_is_not_allowed)
{
	rlim_t limit = (rlim_t)_i;

	if (under("asan") || under("tsan"))
		return; /* they make mlock() do nothing */
	child_run(&child, required_under_limit, &limit);
	if (!WIFEXITED(child.status) || WEXITSTATUS(child.status) != 77) /* not ours to give up */
		ck_assert_exited(&child, 0);
}
END_TEST

/* Limits how much the process may have beyond what it has now: address space, or (counted by another word) data. */
static bool limit_to(int resource, size_t spare_bytes)
{
	struct rlimit limit;

	if (resource == RLIMIT_AS)
		return limit_address_space(spare_bytes);
	if (under("asan") || under("tsan") || under("valgrind"))
		return false;
	getrlimit(RLIMIT_DATA, &limit);
	limit.rlim_cur = data_used() + spare_bytes;
	return setrlimit(RLIMIT_DATA, &limit) == 0;
}

/* In a child with little of a resource left. */
static int make_under_limit(void *resource)
{
	struct mempool_cert cert;
	size_t limit;

	cache = kmem_cache_create("limited", ELEMENT, 0, 0, NULL);
	if (!limit_to(*(int *)resource, 32u << 20))
		return 77;
	errno = 0;
	if (mempool_create_slab_pool((64 << 20) / ELEMENT, cache) || errno != ENOMEM)
		return 1;
	pool = make(MEMPOOL_RESIDENCY_BEST_EFFORT);
	if (!pool)
		return 2;
	cert = cert_of(pool);
	limit = *(int *)resource == RLIMIT_AS ? cert.address_space_limit_bytes : cert.data_limit_bytes;
	if (limit == SIZE_MAX || cert.pinned != MIN_NR || doubts_but_locks(pool))
		return 3;
	if (mempool_resize(pool, (64 << 20) / ELEMENT) == 0 && cert_of(pool).pinned > MIN_NR)
		return 4;
	return 0;
}

/* _i: the resource */
START_TEST(residency_limits_a_limit_leaves_a_pool_that_says_so)
{
	int resource = _i;

	child_run(&child, make_under_limit, &resource);
	if (!WIFEXITED(child.status) || WEXITSTATUS(child.status) != 77)
		ck_assert_exited(&child, 0);
}
END_TEST

TCase *residency_limits_tests(void)
{
	TCase *tc = new_case("residency_limits");

	/* Nothing, a page, and the 64 KiB that distributions once gave: less than the 80 KiB of elements. */
	tcase_add_loop_test(tc, residency_limits_required_fails_where_locking_is_not_allowed, 0, 1);
	tcase_add_loop_test(tc, residency_limits_required_fails_where_locking_is_not_allowed, 4096, 4097);
	tcase_add_loop_test(tc, residency_limits_required_fails_where_locking_is_not_allowed, 65536, 65537);
	tcase_add_loop_test(tc, residency_limits_a_limit_leaves_a_pool_that_says_so, RLIMIT_AS, RLIMIT_AS + 1);
	tcase_add_loop_test(tc, residency_limits_a_limit_leaves_a_pool_that_says_so, RLIMIT_DATA, RLIMIT_DATA + 1);
	return tc;
}
