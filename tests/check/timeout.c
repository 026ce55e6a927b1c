// SPDX-License-Identifier: MIT
/* timeout.c - mempool_alloc_timeout(), the sleep that gives up (extension). */
#include "scripted.h"

#include <errno.h>

static mempool_t pool;
static void *taken[8];
static struct sleeper sleeper;

static void dry_pool(int min_nr)
{
	scripted_pool(&pool, &bk, min_nr);
	scripted_drain(&pool, &bk, taken);
}

static void give_all_back(int nr)
{
	for (int i = 0; i < nr; i++)
		mempool_free(taken[i], &pool);
	scripted_exit(&pool, &bk);
}

START_TEST(timeout_gives_null_after_the_time)
{
	struct mempool_statistics st;
	int64_t start, took;

	dry_pool(1);
	start = now_ns();
	errno = 0;
	ck_assert_ptr_null(mempool_alloc_timeout(&pool, GFP_KERNEL, (uint64_t)(60 * NS_PER_MS)));
	took = now_ns() - start;
	ck_assert_int_eq(errno, ETIMEDOUT);
	ck_assert_int_ge(took, 60 * NS_PER_MS);
	ck_assert_int_lt(took, 4500 * NS_PER_MS);
	st = stats_of(&pool);
	ck_assert_uint_eq(st.sleeps, 1);
	ck_assert_uint_eq(st.timeouts, 1);
	ck_assert_uint_eq(st.wakes, 0);
	ck_assert_uint_eq(st.failures, 2); /* this one, and the NULL that ended the draining */
	ck_assert_int_eq(st.waiters, 0);
	ck_assert_uint_gt(st.wait_longest_ns, 0);
	give_all_back(1);
}
END_TEST

START_TEST(timeout_0_does_both_passes_and_does_not_sleep)
{
	dry_pool(1);
	errno = 0;
	ck_assert_ptr_null(mempool_alloc_timeout(&pool, GFP_KERNEL, 0));
	ck_assert_int_eq(errno, ETIMEDOUT);
	ck_assert_int_eq(bk.calls, 2);
	ck_assert_uint_eq(bk.masks[0], FIRST_MASK(GFP_KERNEL));
	ck_assert_uint_eq(bk.masks[1], FULL_MASK(GFP_KERNEL));
	ck_assert_uint_eq(stats_of(&pool).sleeps, 0);
	give_all_back(1);
}
END_TEST

START_TEST(timeout_0_takes_what_the_second_pass_gives)
{
	void *element;

	dry_pool(1);
	scripted_set(&bk, "-a", true);
	element = mempool_alloc_timeout(&pool, GFP_KERNEL, 0);
	ck_assert_ptr_eq(element, bk.slots[1]);
	mempool_free(element, &pool);
	give_all_back(1);
}
END_TEST

static const gfp_t not_sleeping[] = {GFP_ATOMIC, GFP_NOWAIT, 0};

START_TEST(timeout_with_a_mask_that_cannot_sleep_is_enomem)
{
	int64_t start = now_ns();

	dry_pool(1);
	errno = 0;
	ck_assert_ptr_null(mempool_alloc_timeout(&pool, not_sleeping[_i], (uint64_t)(3600 * NS_PER_S)));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_int_eq(bk.calls, 1);
	ck_assert_uint_eq(stats_of(&pool).sleeps, 0);
	ck_assert_int_lt(now_ns() - start, deadline_ns());
	give_all_back(1);
}
END_TEST

START_TEST(timeout_is_as_alloc_when_there_is_something)
{
	void *element[2];

	scripted_pool(&pool, &bk, 1);
	scripted_set(&bk, "a", true);
	element[0] = mempool_alloc_timeout(&pool, GFP_KERNEL, 0);
	element[1] = mempool_alloc_timeout(&pool, GFP_KERNEL, 1);
	ck_assert_ptr_eq(element[0], bk.slots[1]);
	ck_assert_ptr_eq(element[1], bk.slots[0]);
	ck_assert_uint_eq(bk.masks[0], FIRST_MASK(GFP_KERNEL));
	mempool_free(element[0], &pool);
	mempool_free(element[1], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

static const uint64_t long_times[] = {UINT64_MAX, UINT64_MAX / 2, INT64_MAX, (uint64_t)1 << 62, 3600000000000u};

START_TEST(timeout_far_away_is_woken_by_a_free)
{
	/* None of these may wrap round to a time in the past. */
	dry_pool(1);
	sleeper.timeout_ns = long_times[_i];
	sleeper_start(&sleeper, &pool);
	wait_for_waiters(&pool, 1);
	ck_assert(!atomic_load(&sleeper.done));
	mempool_free(taken[0], &pool);
	sleeper_join(&sleeper);
	ck_assert_ptr_eq(sleeper.element, taken[0]);
	ck_assert_uint_eq(stats_of(&pool).timeouts, 0);
	ck_assert_uint_eq(stats_of(&pool).wakes, 1);
	give_all_back(1);
}
END_TEST

static void refill_in_second_call(struct scripted *b, gfp_t mask)
{
	(void)mask;
	if (scripted_calls(b) == 1)
		mempool_free(b->slots[0], b->pool);
}

START_TEST(timeout_finds_what_came_back_in_the_second_pass)
{
	void *element;

	dry_pool(1);
	bk.on_alloc = refill_in_second_call;
	element = mempool_alloc_timeout(&pool, GFP_KERNEL, 0);
	bk.on_alloc = NULL;
	ck_assert_ptr_eq(element, bk.slots[0]);
	mempool_free(element, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(timeout_several_in_one_queue)
{
	struct sleeper s[4] = {{0}};

	/* The shortest waits in the middle of the queue; all end by their own time, and the queue is clean again. */
	dry_pool(1);
	for (int i = 0; i < 4; i++) {
		s[i].timeout_ns = (uint64_t)((i % 2 ? 30 : 120) * NS_PER_MS);
		sleeper_start(&s[i], &pool);
	}
	for (int i = 0; i < 4; i++) {
		sleeper_join(&s[i]);
		ck_assert_ptr_null(s[i].element);
		ck_assert_int_eq(s[i].error, ETIMEDOUT);
		ck_assert_int_ge(s[i].waited_ns, (int64_t)s[i].timeout_ns);
	}
	ck_assert_int_eq(stats_of(&pool).waiters, 0);
	ck_assert_uint_eq(stats_of(&pool).failures, 5);
	sleeper_start(&sleeper, &pool);
	wait_for_waiters(&pool, 1);
	mempool_free(taken[0], &pool);
	sleeper_join(&sleeper);
	ck_assert_ptr_eq(sleeper.element, taken[0]);
	give_all_back(1);
}
END_TEST

TCase *timeout_tests(void)
{
	TCase *tc = new_case("timeout");

	tcase_add_test(tc, timeout_gives_null_after_the_time);
	tcase_add_test(tc, timeout_0_does_both_passes_and_does_not_sleep);
	tcase_add_test(tc, timeout_0_takes_what_the_second_pass_gives);
	tcase_add_loop_test(tc, timeout_with_a_mask_that_cannot_sleep_is_enomem, 0, LENGTH(not_sleeping));
	tcase_add_test(tc, timeout_is_as_alloc_when_there_is_something);
	tcase_add_loop_test(tc, timeout_far_away_is_woken_by_a_free, 0, LENGTH(long_times));
	tcase_add_test(tc, timeout_finds_what_came_back_in_the_second_pass);
	tcase_add_test(tc, timeout_several_in_one_queue);
	return tc;
}
