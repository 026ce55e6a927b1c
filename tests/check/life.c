// SPDX-License-Identifier: MIT
/* life.c - how a pool begins (PAR-1 to PAR-4). */
#include "scripted.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static mempool_t pool;

static bool all_zero(const mempool_t *p)
{
	static const mempool_t zeroed;

	return memcmp(p, &zeroed, sizeof(zeroed)) == 0;
}

START_TEST(par_1_init_fills_the_reserve_once)
{
	ck_assert_int_eq(mempool_init_node(&pool, 4, scripted_alloc, scripted_free, &bk, GFP_NOIO, NUMA_NO_NODE), 0);
	ck_assert_int_eq(bk.calls, 4);
	ck_assert_int_eq(bk.frees, 0);
	ck_assert_int_eq(mempool_curr_nr(&pool), 4);
	for (int i = 0; i < 4; i++)
		ck_assert_uint_eq(bk.masks[i], GFP_NOIO);
	scripted_exit(&pool, &bk);
}
END_TEST

static const gfp_t creation_masks[] = {
	0,
	GFP_KERNEL,
	GFP_NOFS,
	GFP_NOIO,
	GFP_ATOMIC,
	GFP_NOWAIT,
	GFP_KERNEL | __GFP_NOFAIL,
	__GFP_NOWARN,
	GFP_KERNEL_ACCOUNT,
	GFP_KERNEL | __GFP_NOMEMALLOC,
};

START_TEST(par_1_creation_mask_unchanged)
{
	gfp_t mask = creation_masks[_i];

	ck_assert_int_eq(mempool_init_node(&pool, 2, scripted_alloc, scripted_free, &bk, mask, NUMA_NO_NODE), 0);
	ck_assert_int_eq(bk.calls, 2);
	ck_assert_uint_eq(bk.masks[0], mask);
	ck_assert_uint_eq(bk.masks[1], mask);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_1_one_element_for_min_nr_1)
{
	ck_assert_int_eq(mempool_init(&pool, 1, scripted_alloc, scripted_free, &bk), 0);
	ck_assert_int_eq(bk.calls, 1);
	ck_assert_int_eq(mempool_curr_nr(&pool), 1);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_1_any_node_is_accepted)
{
	static const int nodes[] = {0, 1, 63, 100000, NUMA_NO_NODE};

	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		ck_assert_int_eq(mempool_init_node(&pool, 1, scripted_alloc, scripted_free, &bk, GFP_KERNEL, nodes[i]),
				 0);
		scripted_exit(&pool, &bk);
	}
}
END_TEST

static const int bad_min_nr[] = {-1, -100, INT_MIN, MEMPOOL_NR_MAX + 1, INT_MAX};

START_TEST(par_1_bad_min_nr_is_einval)
{
	ck_assert_int_eq(mempool_init(&pool, bad_min_nr[_i], scripted_alloc, scripted_free, &bk), -EINVAL);
	expect_report(MEMPOOL_REPORT_BUG, "min_nr");
	ck_assert_int_eq(bk.calls, 0);
	ck_assert(all_zero(&pool));
	ck_assert(!mempool_initialized(&pool));
}
END_TEST

START_TEST(par_1_bad_min_nr_create_is_null)
{
	errno = 0;
	ck_assert_ptr_null(mempool_create(bad_min_nr[_i], scripted_alloc, scripted_free, &bk));
	ck_assert_int_eq(errno, EINVAL);
	expect_report(MEMPOOL_REPORT_BUG, "min_nr");
	ck_assert_int_eq(bk.calls, 0);
}
END_TEST

START_TEST(par_1_largest_min_nr_is_not_bad)
{
	/* Legal, though here the two gibibytes of bookkeeping cannot be had: out of memory, not a bad argument. */
	if (!limit_address_space(256u << 20))
		return;
	ck_assert_int_eq(mempool_init(&pool, MEMPOOL_NR_MAX, scripted_alloc, scripted_free, &bk), -ENOMEM);
	ck_assert_int_eq(scripted_live(&bk), 0);
	ck_assert(!mempool_initialized(&pool));
}
END_TEST

START_TEST(par_1_null_callbacks_are_einval)
{
	ck_assert_int_eq(mempool_init(&pool, 1, NULL, scripted_free, &bk), -EINVAL);
	expect_report(MEMPOOL_REPORT_BUG, "");
	ck_assert_int_eq(mempool_init(&pool, 1, scripted_alloc, NULL, &bk), -EINVAL);
	expect_report(MEMPOOL_REPORT_BUG, "");
	ck_assert(all_zero(&pool));
	ck_assert_ptr_null(mempool_create(1, NULL, NULL, &bk));
	ck_assert_int_eq(errno, EINVAL);
	expect_report(MEMPOOL_REPORT_BUG, "");
	ck_assert_int_eq(bk.calls, 0);
}
END_TEST

START_TEST(par_2_failure_returns_all_newest_first)
{
	char script[8] = "aaaaaaa";

	/* The call number _i fails; those before it gave an element each. */
	script[_i] = '-';
	scripted_set(&bk, script, false);
	ck_assert_int_eq(mempool_init(&pool, 6, scripted_alloc, scripted_free, &bk), -ENOMEM);
	ck_assert_int_eq(bk.calls, _i + 1);
	ck_assert_int_eq(bk.frees, _i);
	for (int i = 0; i < _i; i++)
		ck_assert_ptr_eq(bk.freed[i], bk.slots[_i - 1 - i]);
	ck_assert_int_eq(bk.live, 0);
	ck_assert_int_eq(bk.errors, 0);
}
END_TEST

START_TEST(par_2_failed_pool_reads_as_not_initialised)
{
	scripted_set(&bk, "aa-", true);
	ck_assert_int_eq(mempool_init(&pool, 3, scripted_alloc, scripted_free, &bk), -ENOMEM);
	ck_assert(!mempool_initialized(&pool));
	ck_assert_int_eq(mempool_curr_nr(&pool), 0);
	ck_assert_str_eq(mempool_name(&pool), "(uninitialized)");
	mempool_exit(&pool);
	ck_assert_int_eq(bk.frees, 2);

	/* It can be tried again at once. */
	scripted_set(&bk, NULL, false);
	ck_assert_int_eq(mempool_init(&pool, 3, scripted_alloc, scripted_free, &bk), 0);
	ck_assert_int_eq(mempool_curr_nr(&pool), 3);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_3_init_is_gfp_kernel)
{
	ck_assert_int_eq(mempool_init(&pool, 2, scripted_alloc, scripted_free, &bk), 0);
	ck_assert_uint_eq(bk.masks[0], GFP_KERNEL);
	ck_assert_uint_eq(bk.masks[1], GFP_KERNEL);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_3_create_makes_the_pool_too)
{
	mempool_t *p = mempool_create(3, scripted_alloc, scripted_free, &bk);

	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(bk.calls, 3);
	ck_assert_uint_eq(bk.masks[2], GFP_KERNEL);
	ck_assert_int_eq(p->min_nr, 3);
	ck_assert_int_eq(mempool_curr_nr(p), 3);
	mempool_destroy(p);
	ck_assert_int_eq(bk.live, 0);
}
END_TEST

START_TEST(par_3_create_node_hands_its_mask_down)
{
	mempool_t *p = mempool_create_node(2, scripted_alloc, scripted_free, &bk, GFP_NOFS, 0);

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(bk.masks[0], GFP_NOFS);
	ck_assert_uint_eq(bk.masks[1], GFP_NOFS);
	mempool_destroy(p);
}
END_TEST

START_TEST(par_3_create_fails_with_null)
{
	scripted_set(&bk, "aaa", true);
	errno = 0;
	ck_assert_ptr_null(mempool_create(4, scripted_alloc, scripted_free, &bk));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_int_eq(bk.frees, 3);
	ck_assert_int_eq(bk.live, 0);
	errno = 0;
	ck_assert_ptr_null(mempool_create_node(4, scripted_alloc, scripted_free, &bk, GFP_KERNEL, NUMA_NO_NODE));
	ck_assert_int_eq(errno, ENOMEM);
}
END_TEST

START_TEST(par_4_min_nr_0_keeps_one)
{
	ck_assert_int_eq(mempool_init(&pool, 0, scripted_alloc, scripted_free, &bk), 0);
	ck_assert_int_eq(bk.calls, 1);
	ck_assert_int_eq(pool.min_nr, 0);
	ck_assert_int_eq(mempool_curr_nr(&pool), 1);
	mempool_exit(&pool);
	ck_assert_int_eq(bk.frees, 1);
	ck_assert_ptr_eq(bk.freed[0], bk.slots[0]);
}
END_TEST

START_TEST(par_4_min_nr_0_serves_that_one)
{
	void *element;

	scripted_pool(&pool, &bk, 0);
	scripted_set(&bk, NULL, true);
	element = mempool_alloc(&pool, GFP_ATOMIC);
	ck_assert_ptr_eq(element, bk.slots[0]);
	ck_assert_ptr_null(mempool_alloc(&pool, GFP_ATOMIC));
	mempool_free(element, &pool);
	ck_assert_int_eq(mempool_curr_nr(&pool), 1);
	scripted_exit(&pool, &bk);
}
END_TEST

TCase *life_tests(void)
{
	TCase *tc = new_case("life");

	tcase_add_test(tc, par_1_init_fills_the_reserve_once);
	tcase_add_loop_test(tc, par_1_creation_mask_unchanged, 0, LENGTH(creation_masks));
	tcase_add_test(tc, par_1_one_element_for_min_nr_1);
	tcase_add_test(tc, par_1_any_node_is_accepted);
	tcase_add_loop_test(tc, par_1_bad_min_nr_is_einval, 0, LENGTH(bad_min_nr));
	tcase_add_loop_test(tc, par_1_bad_min_nr_create_is_null, 0, LENGTH(bad_min_nr));
	tcase_add_test(tc, par_1_largest_min_nr_is_not_bad);
	tcase_add_test(tc, par_1_null_callbacks_are_einval);
	tcase_add_loop_test(tc, par_2_failure_returns_all_newest_first, 0, 6);
	tcase_add_test(tc, par_2_failed_pool_reads_as_not_initialised);
	tcase_add_test(tc, par_3_init_is_gfp_kernel);
	tcase_add_test(tc, par_3_create_makes_the_pool_too);
	tcase_add_test(tc, par_3_create_node_hands_its_mask_down);
	tcase_add_test(tc, par_3_create_fails_with_null);
	tcase_add_test(tc, par_4_min_nr_0_keeps_one);
	tcase_add_test(tc, par_4_min_nr_0_serves_that_one);
	return tc;
}
