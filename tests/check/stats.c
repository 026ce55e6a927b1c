// SPDX-License-Identifier: MIT
/* stats.c - a pool's figures, exact where one thread makes them (extension). */
#include "scripted.h"

#include <errno.h>
#include <string.h>

static mempool_t pool;
static void *taken[32];

static void counts(uint64_t allocs, uint64_t frees, uint64_t from_reserve, uint64_t to_reserve)
{
	struct mempool_statistics st = stats_of(&pool);

	ck_assert_uint_eq(st.allocs, allocs);
	ck_assert_uint_eq(st.frees, frees);
	ck_assert_uint_eq(st.from_reserve, from_reserve);
	ck_assert_uint_eq(st.to_reserve, to_reserve);
}

static void troubles(uint64_t backing_failures, uint64_t failures, uint64_t sleeps, uint64_t timeouts)
{
	struct mempool_statistics st = stats_of(&pool);

	ck_assert_uint_eq(st.backing_failures, backing_failures);
	ck_assert_uint_eq(st.failures, failures);
	ck_assert_uint_eq(st.sleeps, sleeps);
	ck_assert_uint_eq(st.timeouts, timeouts);
}

static void levels(int min_nr, int curr_nr, int lowest_nr)
{
	struct mempool_statistics st = stats_of(&pool);

	ck_assert_int_eq(st.min_nr, min_nr);
	ck_assert_int_eq(st.curr_nr, curr_nr);
	ck_assert_int_eq(st.lowest_nr, lowest_nr);
	ck_assert_int_eq(st.waiters, 0);
}

START_TEST(stats_of_a_new_pool)
{
	/* The elements made at creation are not allocations. */
	scripted_pool(&pool, &bk, 5);
	counts(0, 0, 0, 0);
	troubles(0, 0, 0, 0);
	levels(5, 5, 5);
	ck_assert_uint_eq(stats_of(&pool).wakes, 0);
	ck_assert_uint_eq(stats_of(&pool).wait_total_ns, 0);
	ck_assert_uint_eq(stats_of(&pool).wait_longest_ns, 0);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(stats_of_single_calls)
{
	scripted_pool(&pool, &bk, 4);
	for (int i = 0; i < 6; i++)
		taken[i] = mempool_alloc(&pool, GFP_KERNEL);
	counts(6, 0, 0, 0);
	levels(4, 4, 4);
	for (int i = 0; i < 2; i++)
		mempool_free(taken[i], &pool);
	counts(6, 2, 0, 0);
	scripted_set(&bk, NULL, true);
	for (int i = 6; i < 9; i++)
		taken[i] = mempool_alloc(&pool, i % 2 ? GFP_KERNEL : GFP_ATOMIC);
	counts(9, 2, 3, 0);
	troubles(3, 0, 0, 0);
	levels(4, 1, 1);
	for (int i = 2; i < 9; i++)
		mempool_free(taken[i], &pool);
	counts(9, 9, 3, 3);
	levels(4, 4, 1);
	mempool_free(NULL, &pool);
	counts(9, 9, 3, 3);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(stats_of_failures)
{
	scripted_pool(&pool, &bk, 1);
	scripted_drain(&pool, &bk, taken);
	/* Draining ended with a NULL of its own. */
	counts(1, 0, 1, 0);
	troubles(0, 1, 0, 0);
	levels(1, 0, 0);
	ck_assert_ptr_null(mempool_alloc(&pool, GFP_NOWAIT));
	troubles(1, 2, 0, 0);
	ck_assert_ptr_null(mempool_alloc(&pool, GFP_ATOMIC | __GFP_IO));
	troubles(3, 3, 0, 0);
	ck_assert_ptr_null(mempool_alloc_timeout(&pool, GFP_KERNEL, 0));
	troubles(5, 4, 0, 0);
	counts(1, 0, 1, 0);
	mempool_free(taken[0], &pool);
	counts(1, 1, 1, 1);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(stats_of_bulk_calls_count_elements)
{
	scripted_pool(&pool, &bk, 5);
	scripted_set(&bk, "aa", true);
	ck_assert_int_eq(mempool_alloc_bulk(&pool, taken, 5, 0), 0);
	counts(5, 0, 3, 0);
	troubles(1, 0, 0, 0);
	levels(5, 2, 2);
	ck_assert_uint_eq(mempool_free_bulk(&pool, taken, 4), 3);
	counts(5, 3, 3, 3);
	levels(5, 5, 2);
	mempool_free(taken[3], &pool);
	mempool_free(taken[4], &pool);
	counts(5, 5, 3, 3);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(stats_of_a_second_pass)
{
	scripted_pool(&pool, &bk, 1);
	scripted_drain(&pool, &bk, taken);
	scripted_set(&bk, "-a", true);
	taken[1] = mempool_alloc(&pool, GFP_KERNEL);
	counts(2, 0, 1, 0);
	troubles(1, 1, 0, 0);
	mempool_free(taken[0], &pool);
	mempool_free(taken[1], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(stats_of_sleeps)
{
	static struct sleeper s[3];
	struct mempool_statistics st;

	scripted_pool(&pool, &bk, 3);
	scripted_drain(&pool, &bk, taken);
	for (int i = 0; i < 3; i++) {
		sleeper_start(&s[i], &pool);
		wait_for_waiters(&pool, 1);
		mempool_free(taken[i], &pool);
		sleeper_join(&s[i]);
	}
	st = stats_of(&pool);
	ck_assert_uint_eq(st.sleeps, 3);
	ck_assert_uint_eq(st.wakes, 3);
	ck_assert_uint_eq(st.timeouts, 0);
	ck_assert_int_eq(st.waiters, 0);
	ck_assert_uint_gt(st.wait_longest_ns, 0);
	ck_assert_uint_ge(st.wait_total_ns, st.wait_longest_ns);
	ck_assert_uint_le(st.wait_total_ns, 3 * st.wait_longest_ns);
	ck_assert_uint_eq(st.backing_failures, 9);
	ck_assert_uint_eq(st.from_reserve, 6);
	for (int i = 0; i < 3; i++)
		mempool_free(s[i].element, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(stats_wait_is_the_time_slept)
{
	static struct sleeper s;
	struct mempool_statistics st;
	int64_t asleep, freed;

	scripted_pool(&pool, &bk, 1);
	scripted_drain(&pool, &bk, taken);
	sleeper_start(&s, &pool);
	wait_for_waiters(&pool, 1);
	asleep = now_ns();
	WAIT_FOR(now_ns() - asleep > 30 * NS_PER_MS);
	freed = now_ns();
	mempool_free(taken[0], &pool);
	sleeper_join(&s);
	st = stats_of(&pool);

	/* From the moment it was seen asleep to the free, at least; and not longer than the whole call took. */
	ck_assert_uint_ge(st.wait_longest_ns + (uint64_t)NS_PER_MS, (uint64_t)(freed - asleep));
	ck_assert_uint_le(st.wait_longest_ns, (uint64_t)s.waited_ns);
	ck_assert_uint_eq(st.wait_total_ns, st.wait_longest_ns);
	mempool_free(s.element, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(stats_after_resizing)
{
	scripted_pool(&pool, &bk, 4);
	ck_assert_int_eq(mempool_resize(&pool, 6), 0);
	ck_assert_int_eq(stats_of(&pool).min_nr, 6);
	ck_assert_int_eq(stats_of(&pool).curr_nr, 6);
	ck_assert_int_eq(mempool_resize(&pool, 2), 0);
	ck_assert_int_eq(stats_of(&pool).min_nr, 2);
	ck_assert_int_eq(stats_of(&pool).curr_nr, 2);
	/* Neither is an allocation or a free. */
	counts(0, 0, 0, 0);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(stats_begin_anew_with_each_init)
{
	scripted_pool(&pool, &bk, 1);
	mempool_free(mempool_alloc(&pool, GFP_KERNEL), &pool);
	counts(1, 1, 0, 0);
	mempool_exit(&pool);
	scripted_pool(&pool, &bk, 1);
	counts(0, 0, 0, 0);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(stats_bad_arguments)
{
	static mempool_t zeroed;
	struct mempool_statistics st = {.size = sizeof(st)};

	ck_assert_int_eq(mempool_stats(&zeroed, &st), -EINVAL);
	scripted_pool(&pool, &bk, 1);
	for (size_t size = 0; size < sizeof(size_t); size++) {
		st.size = size;
		ck_assert_int_eq(mempool_stats(&pool, &st), -EINVAL);
	}
	while (reports_pending())
		expect_some_report("");
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(stats_of_another_size)
{
	union {
		struct mempool_statistics st;
		unsigned char bytes[2 * sizeof(struct mempool_statistics)];
	} u;
	static const size_t sizes[] = {sizeof(size_t), sizeof(size_t) + 2 * sizeof(int),
				       offsetof(struct mempool_statistics, frees), sizeof(struct mempool_statistics),
				       2 * sizeof(struct mempool_statistics)};
	size_t size = sizes[_i];

	/* A caller built against an older or a newer header: not a byte beyond @size is written. */
	scripted_pool(&pool, &bk, 3);
	taken[0] = mempool_alloc(&pool, GFP_KERNEL);
	memset(&u, 0xee, sizeof(u));
	u.st.size = size;
	ck_assert_int_eq(mempool_stats(&pool, &u.st), 0);
	ck_assert_uint_eq(same_bytes(u.bytes + size, sizeof(u) - size, 0xee), sizeof(u) - size);
	if (size >= sizeof(size_t) + 2 * sizeof(int)) {
		ck_assert_int_eq(u.st.min_nr, 3);
		ck_assert_int_eq(u.st.curr_nr, 3);
	}
	if (size >= offsetof(struct mempool_statistics, frees))
		ck_assert_uint_eq(u.st.allocs, 1);
	mempool_free(taken[0], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

static void take_and_return(void *arg)
{
	int rounds = *(int *)arg;

	for (int i = 0; i < rounds; i++)
		mempool_free(mempool_alloc(&pool, GFP_KERNEL), &pool);
}

START_TEST(stats_add_up_over_threads)
{
	int rounds = scale(20000);
	struct worker w[4];
	struct mempool_statistics st;

	scripted_pool(&pool, &bk, 2);
	for (int i = 0; i < 4; i++)
		worker_start(&w[i], take_and_return, &rounds);
	for (int i = 0; i < 4; i++)
		worker_join(&w[i]);
	st = stats_of(&pool);
	ck_assert_uint_eq(st.allocs, 4u * (unsigned int)rounds);
	ck_assert_uint_eq(st.frees, 4u * (unsigned int)rounds);
	ck_assert_uint_eq(st.failures, 0);
	scripted_exit(&pool, &bk);
}
END_TEST

TCase *stats_tests(void)
{
	TCase *tc = new_case("stats");

	tcase_add_test(tc, stats_of_a_new_pool);
	tcase_add_test(tc, stats_of_single_calls);
	tcase_add_test(tc, stats_of_failures);
	tcase_add_test(tc, stats_of_bulk_calls_count_elements);
	tcase_add_test(tc, stats_of_a_second_pass);
	tcase_add_test(tc, stats_of_sleeps);
	tcase_add_test(tc, stats_wait_is_the_time_slept);
	tcase_add_test(tc, stats_after_resizing);
	tcase_add_test(tc, stats_begin_anew_with_each_init);
	tcase_add_test(tc, stats_bad_arguments);
	tcase_add_loop_test(tc, stats_of_another_size, 0, 5);
	tcase_add_test(tc, stats_add_up_over_threads);
	return tc;
}
