// SPDX-License-Identifier: MIT
/* resize.c - changing what the reserve is to hold, also while others use the pool (PAR-26 to PAR-28). */
#include "scripted.h"

#include <errno.h>
#include <limits.h>

static mempool_t pool;
static void *taken[16];

static const int bad_sizes[] = {0, -1, INT_MIN, MEMPOOL_NR_MAX + 1, INT_MAX};

START_TEST(par_26_bad_sizes_are_einval)
{
	scripted_pool(&pool, &bk, 2);
	ck_assert_int_eq(mempool_resize(&pool, bad_sizes[_i]), -EINVAL);
	expect_report(MEMPOOL_REPORT_BUG, "min_nr");
	ck_assert_int_eq(pool.min_nr, 2);
	ck_assert_int_eq(mempool_curr_nr(&pool), 2);
	ck_assert_int_eq(bk.calls + bk.frees, 0);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_26_shrinking_frees_the_surplus_newest_first)
{
	scripted_pool(&pool, &bk, 5);
	ck_assert_int_eq(mempool_resize(&pool, 2), 0);
	ck_assert_int_eq(pool.min_nr, 2);
	ck_assert_int_eq(mempool_curr_nr(&pool), 2);
	ck_assert_int_eq(bk.calls, 0);
	ck_assert_int_eq(bk.frees, 3);
	for (int i = 0; i < 3; i++)
		ck_assert_ptr_eq(bk.freed[i], bk.slots[4 - i]);
	ck_assert_ptr_eq(mempool_alloc_preallocated(&pool), bk.slots[1]);
	mempool_free(bk.slots[1], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_26_shrinking_to_what_is_left_frees_nothing)
{
	scripted_pool(&pool, &bk, 5);
	for (int i = 0; i < 3; i++)
		taken[i] = mempool_alloc_preallocated(&pool);
	ck_assert_int_eq(mempool_resize(&pool, 2), 0);
	ck_assert_int_eq(bk.frees, 0);
	ck_assert_int_eq(mempool_curr_nr(&pool), 2);
	for (int i = 0; i < 3; i++) {
		mempool_free(taken[i], &pool);
		ck_assert_int_eq(bk.frees, i + 1);
	}
	scripted_exit(&pool, &bk);
}
END_TEST

static int min_nr_seen[8];
static int level_seen[8];
static int seen_nr;

static void look_at_the_pool(struct scripted *b, void *element)
{
	(void)element;
	if (seen_nr < 8) {
		min_nr_seen[seen_nr] = b->pool->min_nr;
		level_seen[seen_nr] = mempool_curr_nr(b->pool);
	}
	seen_nr++;
}

START_TEST(par_26_min_nr_falls_only_after_the_surplus_is_gone)
{
	scripted_pool(&pool, &bk, 4);
	bk.on_free = look_at_the_pool;
	ck_assert_int_eq(mempool_resize(&pool, 1), 0);
	bk.on_free = NULL;
	ck_assert_int_eq(seen_nr, 3);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(min_nr_seen[i], 4);
	ck_assert_int_eq(pool.min_nr, 1);
	scripted_exit(&pool, &bk);
}
END_TEST

static void use_the_pool(struct scripted *b, void *element)
{
	void *mine = mempool_alloc(b->pool, GFP_ATOMIC);

	(void)element;
	b->on_free = NULL;
	look_at_the_pool(b, element);
	if (mine)
		mempool_free(mine, b->pool);
}

START_TEST(par_26_surplus_is_freed_outside_any_lock)
{
	/* free_fn allocates from the very pool; with a lock held this would stand still. */
	scripted_pool(&pool, &bk, 3);
	bk.on_free = use_the_pool;
	ck_assert_int_eq(mempool_resize(&pool, 1), 0);
	ck_assert_int_eq(seen_nr, 1);
	ck_assert_int_eq(pool.min_nr, 1);
	ck_assert_int_eq(mempool_curr_nr(&pool), 1);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_26_the_same_size_changes_nothing)
{
	scripted_pool(&pool, &bk, 3);
	ck_assert_int_eq(mempool_resize(&pool, 3), 0);
	ck_assert_int_eq(bk.calls + bk.frees, 0);
	ck_assert_int_eq(mempool_curr_nr(&pool), 3);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_27_growing_tops_up_with_gfp_kernel)
{
	mempool_t atomic = {0};
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;

	attr.gfp_mask = GFP_ATOMIC;
	attr.store = MEMPOOL_STORE_LOCKED; /* the newest first, also after growing */
	ck_assert_int_eq(mempool_init_attr(&atomic, 2, scripted_alloc, scripted_free, &bk, &attr), 0);
	scripted_forget(&bk);
	ck_assert_int_eq(mempool_resize(&atomic, 5), 0);
	ck_assert_int_eq(atomic.min_nr, 5);
	ck_assert_int_eq(mempool_curr_nr(&atomic), 5);
	ck_assert_int_eq(bk.calls, 3);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(bk.masks[i], GFP_KERNEL);
	ck_assert_int_eq(bk.frees, 0);
	for (int i = 0; i < 5; i++) {
		taken[i] = mempool_alloc_preallocated(&atomic);
		ck_assert_ptr_eq(taken[i], bk.slots[4 - i]);
	}
	for (int i = 0; i < 5; i++)
		mempool_free(taken[i], &atomic);
	scripted_exit(&atomic, &bk);
}
END_TEST

START_TEST(par_27_growing_fills_what_was_missing_before_too)
{
	scripted_pool(&pool, &bk, 2);
	taken[0] = mempool_alloc_preallocated(&pool);
	ck_assert_int_eq(mempool_resize(&pool, 4), 0);
	ck_assert_int_eq(bk.calls, 3);
	ck_assert_int_eq(mempool_curr_nr(&pool), 4);
	mempool_free(taken[0], &pool);
	ck_assert_int_eq(bk.frees, 1);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_27_stopping_early_is_no_failure)
{
	void *element;

	scripted_pool(&pool, &bk, 1);
	element = mempool_alloc(&pool, GFP_KERNEL);
	scripted_forget(&bk);
	scripted_set(&bk, "a-aaa", true);
	ck_assert_int_eq(mempool_resize(&pool, 4), 0);
	ck_assert_int_eq(bk.calls, 2);
	ck_assert_int_eq(pool.min_nr, 4);
	ck_assert_int_eq(mempool_curr_nr(&pool), 2);
	ck_assert(!mempool_is_saturated(&pool));

	/* Later frees fill the rest. */
	mempool_free(element, &pool);
	ck_assert_int_eq(mempool_curr_nr(&pool), 3);
	ck_assert_int_eq(bk.frees, 0);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_27_grows_from_min_nr_0)
{
	scripted_pool(&pool, &bk, 0);
	ck_assert_int_eq(mempool_resize(&pool, 3), 0);
	ck_assert_int_eq(bk.calls, 2);
	ck_assert_int_eq(mempool_curr_nr(&pool), 3);
	ck_assert_int_eq(pool.min_nr, 3);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_27_no_memory_for_the_bookkeeping)
{
	scripted_pool(&pool, &bk, 2);
	if (limit_address_space(64u << 20)) {
		ck_assert_int_eq(mempool_resize(&pool, MEMPOOL_NR_MAX), -ENOMEM);
		ck_assert_int_eq(pool.min_nr, 2);
		ck_assert_int_eq(mempool_curr_nr(&pool), 2);
		ck_assert_int_eq(bk.calls + bk.frees, 0);
		taken[0] = mempool_alloc_preallocated(&pool);
		ck_assert_ptr_eq(taken[0], bk.slots[1]);
		mempool_free(taken[0], &pool);
	}
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_28_growing_wakes_sleepers)
{
	static struct sleeper s[3];

	scripted_pool(&pool, &bk, 1);
	scripted_drain(&pool, &bk, taken);
	for (int i = 0; i < 3; i++)
		sleeper_start(&s[i], &pool);
	wait_for_waiters(&pool, 3);
	scripted_set(&bk, NULL, false);
	ck_assert_int_eq(mempool_resize(&pool, 4), 0);
	for (int i = 0; i < 3; i++)
		sleeper_join(&s[i]);
	ck_assert_uint_eq(stats_of(&pool).timeouts, 0);
	for (int i = 0; i < 3; i++)
		mempool_free(s[i].element, &pool);
	mempool_free(taken[0], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_28_growing_wakes_a_bulk_sleeper)
{
	static struct sleeper s;

	/* Two of the three that come are what it waits for; the backing refuses everybody else. */
	scripted_pool(&pool, &bk, 2);
	scripted_drain(&pool, &bk, taken);
	s.count = 2;
	sleeper_start(&s, &pool);
	wait_for_waiters(&pool, 1);
	scripted_set(&bk, "aaa", true);
	ck_assert_int_eq(mempool_resize(&pool, 5), 0);
	sleeper_join(&s);
	ck_assert_uint_eq(stats_of(&pool).timeouts, 0);
	mempool_free(s.elems[0], &pool);
	mempool_free(s.elems[1], &pool);
	mempool_free(taken[0], &pool);
	mempool_free(taken[1], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_28_shrinking_and_growing_with_sleepers_loses_none)
{
	static struct sleeper s;

	scripted_pool(&pool, &bk, 4);
	ck_assert_int_eq(scripted_drain(&pool, &bk, taken), 4);
	sleeper_start(&s, &pool);
	wait_for_waiters(&pool, 1);
	ck_assert_int_eq(mempool_resize(&pool, 1), 0);
	ck_assert_int_eq(mempool_resize(&pool, 8), 0);
	ck_assert_int_eq(mempool_resize(&pool, 2), 0);
	mempool_free(taken[3], &pool);
	sleeper_join(&s);
	ck_assert_ptr_eq(s.element, taken[3]);
	for (int i = 0; i < 4; i++)
		mempool_free(taken[i], &pool);
	ck_assert_int_eq(mempool_curr_nr(&pool), 2);
	scripted_exit(&pool, &bk);
}
END_TEST

TCase *resize_tests(void)
{
	TCase *tc = new_case("resize");

	tcase_add_loop_test(tc, par_26_bad_sizes_are_einval, 0, LENGTH(bad_sizes));
	tcase_add_test(tc, par_26_shrinking_frees_the_surplus_newest_first);
	tcase_add_test(tc, par_26_shrinking_to_what_is_left_frees_nothing);
	tcase_add_test(tc, par_26_min_nr_falls_only_after_the_surplus_is_gone);
	tcase_add_test(tc, par_26_surplus_is_freed_outside_any_lock);
	tcase_add_test(tc, par_26_the_same_size_changes_nothing);
	tcase_add_test(tc, par_27_growing_tops_up_with_gfp_kernel);
	tcase_add_test(tc, par_27_growing_fills_what_was_missing_before_too);
	tcase_add_test(tc, par_27_stopping_early_is_no_failure);
	tcase_add_test(tc, par_27_grows_from_min_nr_0);
	tcase_add_test(tc, par_27_no_memory_for_the_bookkeeping);
	tcase_add_test(tc, par_28_growing_wakes_sleepers);
	tcase_add_test(tc, par_28_growing_wakes_a_bulk_sleeper);
	tcase_add_test(tc, par_28_shrinking_and_growing_with_sleepers_loses_none);
	return tc;
}
