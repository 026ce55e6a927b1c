// SPDX-License-Identifier: MIT
/* sleep.c - allocations that sleep until an element comes back (PAR-12). */
#include "scripted.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static mempool_t pool;
static void *taken[64];
static struct sleeper sleeper;

static void start_one_sleeper(int min_nr)
{
	scripted_pool(&pool, &bk, min_nr);
	scripted_drain(&pool, &bk, taken);
	sleeper_start(&sleeper, &pool);
	wait_for_waiters(&pool, 1);
}

START_TEST(par_12_sleeper_is_woken_by_a_free_from_another_thread)
{
	start_one_sleeper(1);
	ck_assert(!atomic_load(&sleeper.done));
	mempool_free(taken[0], &pool);
	sleeper_join(&sleeper);
	ck_assert_ptr_eq(sleeper.element, taken[0]);
	ck_assert_int_eq(mempool_curr_nr(&pool), 0);
	ck_assert_uint_eq(stats_of(&pool).timeouts, 0);
	mempool_free(sleeper.element, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

static const gfp_t sleeping_masks[] = {GFP_KERNEL, GFP_NOFS, GFP_NOIO, __GFP_DIRECT_RECLAIM,
				       __GFP_DIRECT_RECLAIM | GFP_ATOMIC};

START_TEST(par_12_every_pass_after_the_first_has_the_full_mask)
{
	gfp_t mask = sleeping_masks[_i];

	/* Two passes, the sleep, and the pass that the freed element brings about. */
	sleeper.mask = mask;
	start_one_sleeper(1);
	ck_assert_int_eq(scripted_calls(&bk), 2);
	mempool_free(taken[0], &pool);
	sleeper_join(&sleeper);
	ck_assert_int_eq(bk.calls, 3);
	ck_assert_uint_eq(bk.masks[0], FIRST_MASK(mask));
	ck_assert_uint_eq(bk.masks[1], FULL_MASK(mask));
	ck_assert_uint_eq(bk.masks[2], FULL_MASK(mask));
	mempool_free(sleeper.element, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_12_woken_sleeper_asks_the_backing_first)
{
	/* The backing recovers while the thread sleeps; the freed element is only what wakes it. */
	start_one_sleeper(2);
	scripted_set(&bk, NULL, false);
	ck_assert(!atomic_load(&sleeper.done));
	mempool_free(taken[0], &pool);
	sleeper_join(&sleeper);
	ck_assert_ptr_eq(sleeper.element, bk.slots[2]);
	ck_assert_int_eq(mempool_curr_nr(&pool), 1);
	ck_assert_int_eq(bk.calls, 3);
	mempool_free(taken[1], &pool);
	mempool_free(sleeper.element, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_12_sleeper_of_a_min_nr_0_pool_is_woken)
{
	start_one_sleeper(0);
	mempool_free(taken[0], &pool);
	sleeper_join(&sleeper);
	ck_assert_ptr_eq(sleeper.element, taken[0]);
	ck_assert_uint_eq(stats_of(&pool).timeouts, 0);
	mempool_free(sleeper.element, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_12_the_clock_wakes_after_5_seconds)
{
	struct mempool_statistics st;

	/* Nothing ever comes back; only the backing recovers, and nobody says so. */
	start_one_sleeper(0);
	ck_assert_int_eq(scripted_calls(&bk), 2);
	scripted_set(&bk, NULL, false);
	sleeper_join(&sleeper);
	ck_assert_ptr_eq(sleeper.element, bk.slots[1]);
	ck_assert_int_ge(sleeper.waited_ns, 4900 * NS_PER_MS);
	ck_assert_int_lt(sleeper.waited_ns, 4900 * NS_PER_MS + deadline_ns());
	ck_assert_int_eq(bk.calls, 3);
	ck_assert_uint_eq(bk.masks[2], FULL_MASK(GFP_KERNEL));
	st = stats_of(&pool);
	ck_assert_uint_eq(st.timeouts, 1);
	ck_assert_uint_eq(st.sleeps, 1);
	ck_assert_uint_eq(st.wakes, 0);
	ck_assert_uint_ge(st.wait_longest_ns, (uint64_t)(4900 * NS_PER_MS));
	mempool_free(sleeper.element, &pool);
	mempool_free(taken[0], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_12_never_null_through_refused_passes)
{
	struct sleeper other = {0};

	/* Two sleepers, one element: who loses the race sleeps on, and is served in the end. */
	start_one_sleeper(1);
	sleeper_start(&other, &pool);
	wait_for_waiters(&pool, 2);
	mempool_free(taken[0], &pool);
	WAIT_FOR(atomic_load(&sleeper.done) || atomic_load(&other.done));
	wait_for_waiters(&pool, 1);
	mempool_free(atomic_load(&sleeper.done) ? sleeper.element : other.element, &pool);
	sleeper_join(&sleeper);
	sleeper_join(&other);
	ck_assert_ptr_eq(sleeper.element, taken[0]);
	ck_assert_ptr_eq(other.element, taken[0]);
	ck_assert_uint_eq(stats_of(&pool).timeouts, 0);
	mempool_free(taken[0], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

static atomic_int signals_handled;

static void count_signal(int number)
{
	(void)number;
	atomic_fetch_add(&signals_handled, 1);
}

static void handle_without_restart(int number)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = count_signal;
	ck_assert_int_eq(sigaction(number, &action, NULL), 0);
}

START_TEST(par_12_signals_do_not_end_the_sleep)
{
	struct mempool_statistics st;

	handle_without_restart(SIGUSR1);
	start_one_sleeper(1);
	for (int i = 1; i <= 20; i++) {
		ck_assert_int_eq(pthread_kill(sleeper.thread, SIGUSR1), 0);
		WAIT_FOR(atomic_load(&signals_handled) == i || under("tsan"));
	}
	ck_assert(!atomic_load(&sleeper.done));
	ck_assert_int_eq(stats_of(&pool).waiters, 1);
	mempool_free(taken[0], &pool);
	sleeper_join(&sleeper);
	ck_assert_ptr_eq(sleeper.element, taken[0]);

	/* Not one pass more than without signals: the sleep is uninterruptible. */
	ck_assert_int_eq(bk.calls, 3);
	st = stats_of(&pool);
	ck_assert_uint_eq(st.sleeps, 1);
	ck_assert_uint_eq(st.wakes, 1);
	ck_assert_uint_eq(st.timeouts, 0);
	mempool_free(sleeper.element, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_12_signals_do_not_end_a_bulk_sleep)
{
	handle_without_restart(SIGUSR1);
	sleeper.count = 2;
	start_one_sleeper(2);
	for (int i = 1; i <= 20; i++) {
		ck_assert_int_eq(pthread_kill(sleeper.thread, SIGUSR1), 0);
		WAIT_FOR(atomic_load(&signals_handled) == i || under("tsan"));
	}
	ck_assert(!atomic_load(&sleeper.done));
	ck_assert_int_eq(scripted_calls(&bk), 2);
	ck_assert_uint_eq(mempool_free_bulk(&pool, taken, 2), 2);
	sleeper_join(&sleeper);
	ck_assert_int_eq(sleeper.error, 0);
	ck_assert_uint_eq(mempool_free_bulk(&pool, sleeper.elems, 2), 2);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_12_a_signal_does_not_shorten_the_5_seconds_nor_lengthen_them)
{
	int64_t end = now_ns() + 3 * NS_PER_S;

	/* Interrupted again and again during the first three seconds, the sleep still ends by its own clock. */
	handle_without_restart(SIGUSR1);
	start_one_sleeper(0);
	scripted_set(&bk, NULL, false);
	while (now_ns() < end) {
		pthread_kill(sleeper.thread, SIGUSR1);
		poll_pause();
	}
	sleeper_join(&sleeper);
	ck_assert_int_ge(sleeper.waited_ns, 4900 * NS_PER_MS);
	if (!under("tsan") && !under("valgrind"))
		ck_assert_int_lt(sleeper.waited_ns, 7500 * NS_PER_MS);
	ck_assert_int_eq(bk.calls, 3);
	mempool_free(sleeper.element, &pool);
	mempool_free(taken[0], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_12_no_sleep_while_the_reserve_has_elements)
{
	/* GFP_KERNEL sleeps only when there is nothing at all. */
	scripted_pool(&pool, &bk, 1);
	scripted_set(&bk, NULL, true);
	taken[0] = mempool_alloc(&pool, GFP_KERNEL);
	ck_assert_ptr_nonnull(taken[0]);
	ck_assert_int_eq(stats_of(&pool).waiters, 0);
	ck_assert_uint_eq(stats_of(&pool).sleeps, 0);
	mempool_free(taken[0], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

TCase *sleep_tests(void)
{
	TCase *tc = new_case("sleep");

	tcase_add_test(tc, par_12_sleeper_is_woken_by_a_free_from_another_thread);
	tcase_add_loop_test(tc, par_12_every_pass_after_the_first_has_the_full_mask, 0, LENGTH(sleeping_masks));
	tcase_add_test(tc, par_12_woken_sleeper_asks_the_backing_first);
	tcase_add_test(tc, par_12_sleeper_of_a_min_nr_0_pool_is_woken);
	tcase_add_test(tc, par_12_the_clock_wakes_after_5_seconds);
	tcase_add_test(tc, par_12_never_null_through_refused_passes);
	tcase_add_test(tc, par_12_signals_do_not_end_the_sleep);
	tcase_add_test(tc, par_12_signals_do_not_end_a_bulk_sleep);
	tcase_add_test(tc, par_12_a_signal_does_not_shorten_the_5_seconds_nor_lengthen_them);
	tcase_add_test(tc, par_12_no_sleep_while_the_reserve_has_elements);
	return tc;
}
