// SPDX-License-Identifier: MIT
/* fault_sweep_catches.c - what a sweep of fault-test.h must find: code with one fault each on its error path. */
#include "support.h"

static char caught[4096];
static int times_caught;

#define MEMPOOL_FAULT_TEST_FAIL(text)                           \
	do {                                                    \
		snprintf(caught, sizeof(caught), "%s", (text)); \
		times_caught++;                                 \
	} while (0)

#include <mempool/fault-test.h>
#include <mempool/slab.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct mempool_fault_sweep s;
static mempool_t pool;

/* Exactly one failure, at this n, with what it should say. */
static void expect_caught(unsigned int n, enum mempool_fault_sweep_mode mode, const char *part)
{
	char number[32];

	ck_assert_msg(times_caught == 1, "%d failures: %s", times_caught, caught);
	ck_assert_msg(strstr(caught, part) != NULL, "'%s' is not in: %s", part, caught);
	ck_assert_int_eq(s.mode, mode);
	snprintf(number, sizeof(number), ", n = %u%s", n,
		 mode == MEMPOOL_FAULT_SWEEP_PERSISTENT ? " and all later" : "");
	ck_assert_msg(n == 0 || strstr(caught, number) != NULL, "'%s' is not in: %s", number, caught);
	ck_assert_uint_eq(mempool_fault_get_nth(), 0);
	times_caught = 0;
}

static void fresh(void)
{
	s = (struct mempool_fault_sweep)MEMPOOL_FAULT_SWEEP_INIT;
	s.name = "planted";
}

START_TEST(sweep_catches_leaks)
{
	void *a, *b;

	fresh();
	MEMPOOL_FAULT_SWEEP(&s)
	{
		a = kmalloc(64, GFP_KERNEL);
		b = a != NULL ? kmalloc(128, GFP_KERNEL) : NULL;
		if (b == NULL)
			continue; /* a is forgotten */
		kfree(b);
		kfree(a);
	}
	expect_caught(2, MEMPOOL_FAULT_SWEEP_SINGLE, "a leak: 'kmalloc-64' has 1 out, and had 0 before");
	/* The point, for whom, and the stack. */
	ck_assert_ptr_nonnull(strstr(caught, "planted, n = 2"));
	ck_assert_ptr_nonnull(strstr(caught, "failslab of 'kmalloc-128', size 128"));
	ck_assert_ptr_nonnull(strstr(caught, "libmempool.so.0("));
	ck_assert_ptr_nonnull(strstr(caught, "check-suite"));
}
END_TEST

START_TEST(sweep_catches_lost_pools_caches_and_elements)
{
	struct kmem_cache *cache;
	void *element = NULL;

	fresh();
	MEMPOOL_FAULT_SWEEP(&s)
	{
		cache = kmem_cache_create("lost", 64, 0, 0, NULL);
		element = kmalloc(64, GFP_KERNEL);
		if (element != NULL && cache != NULL)
			kmem_cache_destroy(cache);
		kfree(element);
	}
	expect_caught(2, MEMPOOL_FAULT_SWEEP_SINGLE, "a leak: there are");
	ck_assert_int_eq(mempool_init_kmalloc_pool(&pool, 2, 32), 0);
	fresh();
	MEMPOOL_FAULT_SWEEP(&s)
	{
		element = mempool_alloc(&pool, GFP_NOWAIT);
		if (!mempool_fault_sweep_hit(&s))
			mempool_free(element, &pool);
	}
	expect_caught(1, MEMPOOL_FAULT_SWEEP_SINGLE, "has 1 out, and had 0 before");
	mempool_free(element, &pool);
}
END_TEST

static int files_open;

static long long count_files(void *arg)
{
	(void)arg;
	return files_open;
}

START_TEST(sweep_catches_leaks_of_ones_own)
{
	void *a;

	fresh();
	s.live = count_files;
	MEMPOOL_FAULT_SWEEP(&s)
	{
		files_open++;
		a = kmalloc(8, GFP_KERNEL);
		if (a != NULL)
			files_open--;
		kfree(a);
	}
	expect_caught(1, MEMPOOL_FAULT_SWEEP_SINGLE, "sweep.live counts 1, and counted 0 before");
}
END_TEST

START_TEST(sweep_catches_wrong_errors)
{
	void *a;

	fresh();
	MEMPOOL_FAULT_SWEEP(&s)
	{
		a = kmalloc(8, GFP_KERNEL);
		errno = a == NULL ? EIO : 0;
		mempool_fault_sweep_ok(&s, a != NULL);
		kfree(a);
	}
	expect_caught(1, MEMPOOL_FAULT_SWEEP_SINGLE, "instead of ENOMEM");
	MEMPOOL_FAULT_SWEEP(&s)
	{
		a = kmalloc(8, GFP_KERNEL);
		mempool_fault_sweep_error(&s, a == NULL ? -EIO : 0);
		kfree(a);
	}
	expect_caught(1, MEMPOOL_FAULT_SWEEP_SINGLE, "instead of -ENOMEM");
	MEMPOOL_FAULT_SWEEP(&s) mempool_fault_sweep_ok(&s, false);
	expect_caught(0, MEMPOOL_FAULT_SWEEP_UNHARMED, "it fails without a fault");
	MEMPOOL_FAULT_SWEEP(&s) mempool_fault_sweep_error(&s, -ENOMEM);
	expect_caught(0, MEMPOOL_FAULT_SWEEP_UNHARMED, "it returns -12 without a fault");
}
END_TEST

static bool works = true;

static bool does_it_work(void *arg)
{
	(void)arg;
	return works;
}

START_TEST(sweep_catches_what_stays_broken)
{
	void *a;

	fresh();
	s.again = does_it_work;
	MEMPOOL_FAULT_SWEEP(&s)
	{
		a = kmalloc(8, GFP_KERNEL);
		works = a != NULL;
		kfree(a);
	}
	expect_caught(1, MEMPOOL_FAULT_SWEEP_SINGLE, "does not work again");
}
END_TEST

/* Only when all from the second on fail: the retry is where the mistake is. */
START_TEST(sweep_catches_what_only_persistent_failure_shows)
{
	void *a, *b;

	fresh();
	MEMPOOL_FAULT_SWEEP(&s)
	{
		a = kmalloc(8, GFP_KERNEL);
		b = kmalloc(16, GFP_KERNEL);
		if (b == NULL)
			b = kmalloc(16, GFP_KERNEL);
		if (b != NULL)
			kfree(a);
		kfree(b);
	}
	expect_caught(2, MEMPOOL_FAULT_SWEEP_PERSISTENT, "'kmalloc-8' has 1 out");
}
END_TEST

static struct fault_attr own_point = FAULT_ATTR_INITIALIZER;

static void *own_alloc(gfp_t mask, void *data)
{
	(void)mask;
	return should_fail((struct fault_attr *)data, 16) ? NULL : malloc(16);
}

static void own_free(void *element, void *data)
{
	(void)data;
	free(element);
}

/* Growing ends early where the backing ends (PAR-27); a point of one's own says so here. */
START_TEST(sweep_catches_a_reserve_that_stays_low)
{
	own_point.name = "own";
	ck_assert_int_eq(mempool_init(&pool, 3, own_alloc, own_free, &own_point), 0);
	fresh();
	MEMPOOL_FAULT_SWEEP(&s)
	{
		mempool_resize(&pool, 3);
		mempool_fault_sweep_error(&s, mempool_resize(&pool, 6));
	}
	/* The first is fail_mempool_resize, and the pool unchanged; then the second of three elements is missing. */
	expect_caught(2, MEMPOOL_FAULT_SWEEP_SINGLE, "lacks 3 elements, and lacked 0 before");
	ck_assert_ptr_nonnull(strstr(caught, "the latest fault: own, size 16"));
	mempool_exit(&pool);
}
END_TEST

START_TEST(sweep_catches_a_block_that_a_failed_krealloc_lost)
{
	char *a, *b;

	fresh();
	MEMPOOL_FAULT_SWEEP(&s)
	{
		a = kmalloc(16, GFP_KERNEL);
		if (a == NULL)
			continue;
		memset(a, 1, 16);
		b = mempool_fault_sweep_krealloc(&s, a, 100, GFP_KERNEL);
		kfree(b); /* a = krealloc(a, ...): the usual mistake */
	}
	expect_caught(2, MEMPOOL_FAULT_SWEEP_SINGLE, "'kmalloc-16' has 1 out");
}
END_TEST

START_TEST(sweep_catches_what_is_not_true_and_what_has_no_end)
{
	void *a;

	fresh();
	MEMPOOL_FAULT_SWEEP(&s)
	{
		a = kmalloc(8, GFP_KERNEL);
		MEMPOOL_FAULT_CHECK(&s, a != NULL);
		kfree(a);
	}
	expect_caught(1, MEMPOOL_FAULT_SWEEP_SINGLE, "not true: a != ");
	fresh();
	s.n_max = 20;
	MEMPOOL_FAULT_SWEEP(&s) do a = kmalloc(8, GFP_KERNEL), kfree(a);
	while (!mempool_fault_sweep_hit(&s) && s.n > 0)
		;
	ck_assert_uint_eq(times_caught, 1);
	ck_assert_ptr_nonnull(strstr(caught, "there is no end to it"));
}
END_TEST

TCase *sweep_catches_tests(void)
{
	TCase *tc = new_case("fault_sweep_catches");

	tcase_add_test(tc, sweep_catches_leaks);
	tcase_add_test(tc, sweep_catches_lost_pools_caches_and_elements);
	tcase_add_test(tc, sweep_catches_leaks_of_ones_own);
	tcase_add_test(tc, sweep_catches_wrong_errors);
	tcase_add_test(tc, sweep_catches_what_stays_broken);
	tcase_add_test(tc, sweep_catches_what_only_persistent_failure_shows);
	tcase_add_test(tc, sweep_catches_a_reserve_that_stays_low);
	tcase_add_test(tc, sweep_catches_a_block_that_a_failed_krealloc_lost);
	tcase_add_test(tc, sweep_catches_what_is_not_true_and_what_has_no_end);
	return tc;
}
