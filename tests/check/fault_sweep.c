// SPDX-License-Identifier: MIT
/* fault_sweep.c - the library's own calls, swept by fault-test.h: each of their allocations fails once, and from then
 * on. */
#include "support.h"

#include <mempool/fault-test.h>
#include <mempool/slab.h>
#include <stdlib.h>
#include <string.h>

static mempool_t pool;

/* As many failures of both kinds as there are allocations: no fewer than we know of. */
static void expect_points(const struct mempool_fault_sweep *s, unsigned int at_least)
{
	ck_assert_int_eq(s->mode, MEMPOOL_FAULT_SWEEP_DONE);
	ck_assert_uint_ge(s->single, at_least);
	ck_assert_uint_ge(s->persistent, at_least);
	ck_assert_uint_eq(mempool_fault_get_nth(), 0);
}

static bool a_pool_can_be_made(void *arg)
{
	mempool_t *again = mempool_create_kmalloc_pool(2, *(size_t *)arg);

	mempool_destroy(again);
	return again != NULL;
}

START_TEST(sweep_of_making_pools)
{
	struct mempool_fault_sweep s = MEMPOOL_FAULT_SWEEP_INIT;
	struct kmem_cache *cache = kmem_cache_create("swept", 3000, 0, 0, NULL);
	size_t bytes = 100;

	s.again = a_pool_can_be_made;
	s.arg = &bytes;
	MEMPOOL_FAULT_SWEEP(&s)
	{
		if (mempool_fault_sweep_error(&s, mempool_init_kmalloc_pool(&pool, 4, bytes)))
			mempool_exit(&pool);
		else
			MEMPOOL_FAULT_CHECK(&s, !mempool_initialized(&pool));
	}
	expect_points(&s, 1);
	MEMPOOL_FAULT_SWEEP(&s)
	{
		mempool_t *made = mempool_create_slab_pool(20, cache);

		mempool_fault_sweep_ok(&s, made != NULL);
		mempool_destroy(made);
	}
	expect_points(&s, 1);
	MEMPOOL_FAULT_SWEEP(&s)
	{
		mempool_t *made = mempool_create_page_pool(3, 1);

		mempool_fault_sweep_ok(&s, made != NULL);
		mempool_destroy(made);
	}
	expect_points(&s, 1);
	kmem_cache_destroy(cache);
}
END_TEST

/* Failing to make them present, the reserve of a pool of one's own elements goes back, newest first, or stays. */
START_TEST(sweep_of_resizing)
{
	struct mempool_fault_sweep s = MEMPOOL_FAULT_SWEEP_INIT;

	ck_assert_int_eq(mempool_init_kmalloc_pool(&pool, 3, 5000), 0);
	MEMPOOL_FAULT_SWEEP(&s)
	{
		const int error = mempool_resize(&pool, 40);

		if (!mempool_fault_sweep_error(&s, error))
			MEMPOOL_FAULT_CHECK(&s, pool.min_nr == 3 && mempool_curr_nr(&pool) == 3);
		MEMPOOL_FAULT_AFTER(&s)
		{
			if (error == 0)
				MEMPOOL_FAULT_CHECK(&s, pool.min_nr == 40);
			MEMPOOL_FAULT_CHECK(&s, mempool_resize(&pool, 40) == 0);
			MEMPOOL_FAULT_CHECK(&s, mempool_resize(&pool, 3) == 0);
		}
	}
	expect_points(&s, 1);
	mempool_exit(&pool);
}
END_TEST

/* Allocations from a pool that may sleep do not fail; they draw on the reserve, and what comes back fills it. */
START_TEST(sweep_of_allocations)
{
	struct mempool_fault_sweep s = MEMPOOL_FAULT_SWEEP_INIT;

	ck_assert_int_eq(mempool_init_kmalloc_pool(&pool, 4, 64), 0);
	MEMPOOL_FAULT_SWEEP(&s)
	{
		void *elems[4] = {NULL}, *one = mempool_alloc(&pool, GFP_KERNEL);

		MEMPOOL_FAULT_CHECK(&s, one != NULL);
		mempool_free(one, &pool);
		MEMPOOL_FAULT_CHECK(&s, mempool_alloc_bulk(&pool, elems, 4, 0) == 0);
		for (int i = 0; i < 4; i++) {
			MEMPOOL_FAULT_CHECK(&s, elems[i] != NULL);
			mempool_free(elems[i], &pool);
		}
		one = mempool_alloc(&pool, GFP_NOWAIT);
		mempool_fault_sweep_ok(&s, one != NULL);
		mempool_free(one, &pool);
	}
	expect_points(&s, 3);
	mempool_exit(&pool);
}
END_TEST

START_TEST(sweep_of_caches)
{
	struct mempool_fault_sweep s = MEMPOOL_FAULT_SWEEP_INIT;

	MEMPOOL_FAULT_SWEEP(&s)
	{
		struct kmem_cache *cache = kmem_cache_create("swept", 200, 0, 0, NULL);
		void *run[30], *one;

		if (!mempool_fault_sweep_ok(&s, cache != NULL))
			continue;
		one = kmem_cache_alloc(cache, GFP_KERNEL);
		if (mempool_fault_sweep_ok(&s, one != NULL))
			kmem_cache_free(cache, one);
		if (mempool_fault_sweep_ok(&s, kmem_cache_alloc_bulk(cache, GFP_KERNEL, 30, run) == 30))
			kmem_cache_free_bulk(cache, 30, run);
		kmem_cache_destroy(cache);
	}
	expect_points(&s, 4); /* the cache, its first object, that one's pages, the bulk */
}
END_TEST

START_TEST(sweep_of_kmalloc_and_its_family)
{
	struct mempool_fault_sweep s = MEMPOOL_FAULT_SWEEP_INIT;

	MEMPOOL_FAULT_SWEEP(&s)
	{
		void *a = kmalloc(100, GFP_KERNEL), *b, *c, *d;

		if (!mempool_fault_sweep_ok(&s, a != NULL))
			continue;
		memset(a, 0x5c, 100);
		b = mempool_fault_sweep_krealloc(&s, a, 9000, GFP_KERNEL);
		if (b == NULL)
			b = a; /* which was kept */
		kfree(b);
		c = kcalloc(10, 100, GFP_KERNEL);
		if (mempool_fault_sweep_ok(&s, c != NULL))
			MEMPOOL_FAULT_CHECK(&s, same_bytes(c, 1000, 0) == 1000);
		kfree(c);
		d = kvmalloc(200000, GFP_KERNEL); /* pages, or else a mapping */
		mempool_fault_sweep_ok(&s, d != NULL);
		kvfree(d);
		d = kvmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL);
		mempool_fault_sweep_ok(&s, d != NULL);
		kvfree(d);
		d = (void *)__get_free_pages(GFP_KERNEL, 0);
		mempool_fault_sweep_ok(&s, d != NULL);
		free_pages((unsigned long)d, 0);
	}
	expect_points(&s, 6);
}
END_TEST

/* What the sweep changed is as it was, and a setting that was there stays. */
START_TEST(sweep_leaves_settings_as_they_were)
{
	struct mempool_fault_sweep s = MEMPOOL_FAULT_SWEEP_INIT;

	ck_assert_int_eq(
		mempool_fault_apply(0, "fail_page_alloc:min-order=3,ignore-gfp-wait=N;failslab.interval=7", NULL), 0);
	MEMPOOL_FAULT_SWEEP(&s) kfree(kmalloc(8, GFP_KERNEL));
	ck_assert_uint_eq(s.single, 1);
	MEMPOOL_FAULT_SWEEP(&s)
	{
		mempool_fault_sweep_stop(&s);
		break;
	}
	mempool_fault_set_nth(1);
	ck_assert_ptr_nonnull(kmalloc(8, GFP_KERNEL)); /* ignore-gfp-wait again */
	ck_assert_uint_ne(__get_free_pages(GFP_NOWAIT, 2), 0);
	ck_assert_uint_eq(__get_free_pages(GFP_KERNEL, 3), 0);
	expect_report(MEMPOOL_REPORT_NOTE, "fail_page_alloc"); /* nor is it quiet any more */
}
END_TEST

/* A cold sweep sees what happens the first time only. */
static void *first_time_only(void)
{
	static void *kept;

	if (kept == NULL)
		kept = kmalloc(2000, GFP_KERNEL);
	return kept;
}

START_TEST(sweep_warm_and_cold)
{
	struct mempool_fault_sweep warm = MEMPOOL_FAULT_SWEEP_INIT, cold = MEMPOOL_FAULT_SWEEP_INIT;
	static mempool_t *made;

	cold.cold = true;
	MEMPOOL_FAULT_SWEEP(&cold)
	{
		made = mempool_create_kmalloc_pool(1, 700);
		mempool_fault_sweep_ok(&cold, made != NULL);
		mempool_destroy(made);
	}
	expect_points(&cold, 1);
	MEMPOOL_FAULT_SWEEP(&warm) first_time_only();
	ck_assert_uint_eq(warm.single, 0);
}
END_TEST

TCase *sweep_tests(void)
{
	TCase *tc = new_case("fault_sweep");

	tcase_add_test(tc, sweep_of_making_pools);
	tcase_add_test(tc, sweep_of_resizing);
	tcase_add_test(tc, sweep_of_allocations);
	tcase_add_test(tc, sweep_of_caches);
	tcase_add_test(tc, sweep_of_kmalloc_and_its_family);
	tcase_add_test(tc, sweep_leaves_settings_as_they_were);
	tcase_add_test(tc, sweep_warm_and_cold);
	return tc;
}
