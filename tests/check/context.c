// SPDX-License-Identifier: MIT
/* context.c - where sleeping is forbidden: non-blocking regions (PAR-15). Signal handlers are in handlers.c. */
#include "scripted.h"

static mempool_t pool;
static void *taken[8];

START_TEST(par_15_might_sleep_is_silent_outside)
{
	might_sleep();
	might_sleep_if(true);
	might_alloc(GFP_KERNEL);
	ck_assert_uint_eq(mempool_report_count(), 0);
}
END_TEST

START_TEST(par_15_might_sleep_reports_in_a_region)
{
	const char *text;

	non_block_start();
	might_sleep();
	non_block_end();
	text = expect_report(MEMPOOL_REPORT_BUG, __FILE__);
	ck_assert(has_own_code_address(text));
	might_sleep();
}
END_TEST

START_TEST(par_15_might_sleep_if_and_might_alloc)
{
	non_block_start();
	might_sleep_if(false);
	might_alloc(GFP_ATOMIC);
	might_alloc(GFP_NOWAIT);
	ck_assert_int_eq(reports_pending(), 0);
	might_sleep_if(true);
	expect_report(MEMPOOL_REPORT_BUG, __FILE__);
	might_alloc(GFP_NOIO);
	expect_report(MEMPOOL_REPORT_BUG, __FILE__);
	non_block_end();
}
END_TEST

START_TEST(par_15_regions_nest)
{
	non_block_start();
	non_block_start();
	non_block_end();
	might_sleep();
	expect_report(MEMPOOL_REPORT_BUG, "");
	non_block_end();
	might_sleep();
}
END_TEST

START_TEST(par_15_end_without_start_is_reported)
{
	non_block_end();
	expect_report(MEMPOOL_REPORT_BUG, "non_block_end");

	/* And it does nothing: the next region still counts. */
	non_block_start();
	might_sleep();
	expect_report(MEMPOOL_REPORT_BUG, "");
	non_block_end();
	might_sleep();
}
END_TEST

static void might_sleep_elsewhere(void *unused)
{
	(void)unused;
	might_sleep();
}

START_TEST(par_15_regions_are_per_thread)
{
	struct worker w;

	non_block_start();
	worker_start(&w, might_sleep_elsewhere, NULL);
	worker_join(&w);
	ck_assert_int_eq(reports_pending(), 0);
	non_block_end();
}
END_TEST

static void free_when_asleep(void *unused)
{
	(void)unused;
	wait_for_waiters(&pool, 1);
	mempool_free(taken[0], &pool);
}

START_TEST(par_15_sleeping_in_a_region_is_reported_and_done)
{
	struct worker w;
	const char *text;
	void *element;

	scripted_pool(&pool, &bk, 1);
	scripted_drain(&pool, &bk, taken);
	worker_start(&w, free_when_asleep, NULL);
	non_block_start();
	element = mempool_alloc(&pool, GFP_KERNEL);
	non_block_end();
	worker_join(&w);
	ck_assert_ptr_eq(element, taken[0]);
	text = expect_report(MEMPOOL_REPORT_BUG, "'scripted'");
	ck_assert(has_own_code_address(text));
	mempool_free(element, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_15_what_could_sleep_in_a_region_is_reported_once)
{
	void *element;

	/* The backing gives, so nobody sleeps: gfp.h has it reported all the same. */
	scripted_pool(&pool, &bk, 1);
	non_block_start();
	element = mempool_alloc(&pool, GFP_KERNEL);
	non_block_end();
	ck_assert_ptr_eq(element, bk.slots[1]);
	expect_report(MEMPOOL_REPORT_BUG, "'scripted'");
	mempool_free(element, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_15_bulk_sleeping_in_a_region_is_reported_and_done)
{
	void *elems[2] = {NULL, NULL};
	struct worker w;

	scripted_pool(&pool, &bk, 2);
	scripted_drain(&pool, &bk, taken);
	mempool_free(taken[1], &pool);
	worker_start(&w, free_when_asleep, NULL);
	non_block_start();
	ck_assert_int_eq(mempool_alloc_bulk(&pool, elems, 2, 0), 0);
	non_block_end();
	worker_join(&w);
	expect_report(MEMPOOL_REPORT_BUG, "'scripted'");
	ck_assert_uint_eq(mempool_free_bulk(&pool, elems, 2), 2);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_15_atomic_allocations_are_free_to_go)
{
	void *element[3];

	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_SLEEP), 0);
	scripted_pool(&pool, &bk, 1);
	scripted_set(&bk, "a", true);
	non_block_start();
	element[0] = mempool_alloc(&pool, GFP_ATOMIC);
	element[1] = mempool_alloc(&pool, GFP_NOWAIT);
	element[2] = mempool_alloc(&pool, GFP_ATOMIC);
	mempool_free(element[0], &pool);
	mempool_free(element[1], &pool);
	non_block_end();
	ck_assert_ptr_nonnull(element[1]);
	ck_assert_ptr_null(element[2]);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_15_debug_sleep_reports_each_that_might)
{
	void *elems[1] = {NULL};
	void *element[2];

	/* The backing gives: nobody sleeps, and with "sleep" it is reported all the same. */
	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_SLEEP), 0);
	scripted_pool(&pool, &bk, 1);
	non_block_start();
	element[0] = mempool_alloc(&pool, GFP_KERNEL);
	expect_report(MEMPOOL_REPORT_BUG, "");
	element[1] = mempool_alloc_timeout(&pool, GFP_NOIO, 1);
	expect_report(MEMPOOL_REPORT_BUG, "");
	ck_assert_int_eq(mempool_alloc_bulk(&pool, elems, 1, 0), 0);
	expect_report(MEMPOOL_REPORT_BUG, "");
	non_block_end();
	mempool_free(element[0], &pool);
	mempool_free(element[1], &pool);
	mempool_free(elems[0], &pool);
	element[0] = mempool_alloc(&pool, GFP_KERNEL);
	mempool_free(element[0], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

TCase *context_tests(void)
{
	TCase *tc = new_case("context");

	tcase_add_test(tc, par_15_might_sleep_is_silent_outside);
	tcase_add_test(tc, par_15_might_sleep_reports_in_a_region);
	tcase_add_test(tc, par_15_might_sleep_if_and_might_alloc);
	tcase_add_test(tc, par_15_regions_nest);
	tcase_add_test(tc, par_15_end_without_start_is_reported);
	tcase_add_test(tc, par_15_regions_are_per_thread);
	tcase_add_test(tc, par_15_sleeping_in_a_region_is_reported_and_done);
	tcase_add_test(tc, par_15_what_could_sleep_in_a_region_is_reported_once);
	tcase_add_test(tc, par_15_bulk_sleeping_in_a_region_is_reported_and_done);
	tcase_add_test(tc, par_15_atomic_allocations_are_free_to_go);
	tcase_add_test(tc, par_15_debug_sleep_reports_each_that_might);
	return tc;
}
