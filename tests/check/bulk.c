// SPDX-License-Identifier: MIT
/* bulk.c - several elements at once: all or nothing from the reserve, and no deadlock (PAR-17, PAR-18). */
#include "scripted.h"

#include <string.h>

static mempool_t pool;
static void *taken[16];
static void *elems[16];

static void free_singly(int nr)
{
	for (int i = 0; i < nr; i++)
		mempool_free(elems[i], &pool);
}

START_TEST(par_17_backing_first_slot_by_slot)
{
	scripted_pool(&pool, &bk, 4);
	ck_assert_int_eq(mempool_alloc_bulk(&pool, elems, 4, 0), 0);
	ck_assert_int_eq(bk.calls, 4);
	for (int i = 0; i < 4; i++) {
		ck_assert_ptr_eq(elems[i], bk.slots[4 + i]);
		ck_assert_uint_eq(bk.masks[i], FIRST_MASK(GFP_KERNEL));
	}
	ck_assert_int_eq(mempool_curr_nr(&pool), 4);
	free_singly(4);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_17_at_the_first_null_the_reserve_serves_the_rest)
{
	/* The backing would give again after its one refusal; it is not asked. */
	scripted_pool(&pool, &bk, 4);
	scripted_set(&bk, "aa-aaaa", true);
	ck_assert_int_eq(mempool_alloc_bulk(&pool, elems, 4, 0), 0);
	ck_assert_int_eq(bk.calls, 3);
	ck_assert_ptr_eq(elems[0], bk.slots[4]);
	ck_assert_ptr_eq(elems[1], bk.slots[5]);
	ck_assert_ptr_eq(elems[2], bk.slots[3]);
	ck_assert_ptr_eq(elems[3], bk.slots[2]);
	ck_assert_int_eq(mempool_curr_nr(&pool), 2);
	free_singly(4);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_17_the_reserve_alone_can_serve_all)
{
	scripted_pool(&pool, &bk, 3);
	scripted_set(&bk, NULL, true);
	ck_assert_int_eq(mempool_alloc_bulk(&pool, elems, 3, 0), 0);
	ck_assert_int_eq(bk.calls, 1);
	for (int i = 0; i < 3; i++)
		ck_assert_ptr_eq(elems[i], bk.slots[2 - i]);
	ck_assert_int_eq(mempool_curr_nr(&pool), 0);
	ck_assert_uint_eq(mempool_free_bulk(&pool, elems, 3), 3);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_17_second_pass_can_make_the_reserve_suffice)
{
	/* Three wanted, one in reserve: not enough. The second pass adds two, and then it is. */
	scripted_pool(&pool, &bk, 4);
	scripted_drain(&pool, &bk, taken);
	mempool_free(taken[3], &pool);
	scripted_set(&bk, "-aa", true);
	ck_assert_int_eq(mempool_alloc_bulk(&pool, elems, 3, 0), 0);
	ck_assert_int_eq(bk.calls, 4);
	ck_assert_uint_eq(bk.masks[0], FIRST_MASK(GFP_KERNEL));
	ck_assert_uint_eq(bk.masks[1], FULL_MASK(GFP_KERNEL));
	ck_assert_uint_eq(bk.masks[2], FULL_MASK(GFP_KERNEL));
	ck_assert_uint_eq(bk.masks[3], FULL_MASK(GFP_KERNEL));
	ck_assert_ptr_eq(elems[0], bk.slots[4]);
	ck_assert_ptr_eq(elems[1], bk.slots[5]);
	ck_assert_ptr_eq(elems[2], taken[3]);
	ck_assert_int_eq(mempool_curr_nr(&pool), 0);
	ck_assert_uint_eq(stats_of(&pool).sleeps, 0);
	free_singly(3);
	for (int i = 0; i < 3; i++)
		mempool_free(taken[i], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_17_first_pass_keeps_what_the_backing_gave)
{
	/* First pass: one, then NULL, and the reserve is too small. Second pass: goes on with the second slot. */
	scripted_pool(&pool, &bk, 3);
	scripted_drain(&pool, &bk, taken);
	scripted_set(&bk, "a-aa", true);
	ck_assert_int_eq(mempool_alloc_bulk(&pool, elems, 3, 0), 0);
	ck_assert_int_eq(bk.calls, 4);
	for (int i = 0; i < 3; i++)
		ck_assert_ptr_eq(elems[i], bk.slots[3 + i]);
	free_singly(3);
	for (int i = 0; i < 3; i++)
		mempool_free(taken[i], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_17_all_or_nothing)
{
	static struct sleeper s;

	/* Two of three are there: a bulk of three takes none, and sleeps. */
	scripted_pool(&pool, &bk, 3);
	scripted_drain(&pool, &bk, taken);
	mempool_free(taken[0], &pool);
	mempool_free(taken[1], &pool);
	s.count = 3;
	sleeper_start(&s, &pool);
	wait_for_waiters(&pool, 1);
	ck_assert_int_eq(mempool_curr_nr(&pool), 2);
	ck_assert(!atomic_load(&s.done));
	ck_assert_int_eq(scripted_calls(&bk), 2);
	mempool_free(taken[2], &pool);
	sleeper_join(&s);
	ck_assert_int_eq(s.error, 0);
	ck_assert_int_eq(mempool_curr_nr(&pool), 0);
	ck_assert_ptr_eq(s.elems[0], taken[2]);
	ck_assert_ptr_eq(s.elems[1], taken[1]);
	ck_assert_ptr_eq(s.elems[2], taken[0]);
	ck_assert_uint_eq(stats_of(&pool).timeouts, 0);
	ck_assert_uint_eq(mempool_free_bulk(&pool, s.elems, 3), 3);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_17_sleeps_with_its_filled_slots_kept)
{
	static struct sleeper s;
	void *extra;

	scripted_pool(&pool, &bk, 3);
	scripted_drain(&pool, &bk, taken);
	scripted_set(&bk, "a-a", true);
	s.count = 3;
	sleeper_start(&s, &pool);
	wait_for_waiters(&pool, 1);
	/* Slots 0 and 1 came from the backing, one a pass; one element is all that is missing. */
	mempool_free(taken[0], &pool);
	sleeper_join(&s);
	ck_assert_ptr_eq(s.elems[0], bk.slots[3]);
	ck_assert_ptr_eq(s.elems[1], bk.slots[4]);
	ck_assert_ptr_eq(s.elems[2], taken[0]);
	ck_assert_int_eq(bk.calls, 5);
	ck_assert_uint_eq(bk.masks[4], FULL_MASK(GFP_KERNEL));
	ck_assert_uint_eq(stats_of(&pool).timeouts, 0);
	for (int i = 0; i < 3; i++)
		mempool_free(s.elems[i], &pool);
	mempool_free(taken[1], &pool);
	mempool_free(taken[2], &pool);
	extra = mempool_alloc_preallocated(&pool);
	ck_assert_ptr_nonnull(extra);
	mempool_free(extra, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_17_fills_the_null_slots_upwards)
{
	static char mine[2][64];

	scripted_pool(&pool, &bk, 5);
	elems[1] = mine[0];
	elems[4] = mine[1];
	ck_assert_int_eq(mempool_alloc_bulk(&pool, elems, 5, 2), 0);
	ck_assert_int_eq(bk.calls, 3);
	ck_assert_ptr_eq(elems[0], bk.slots[5]);
	ck_assert_ptr_eq(elems[1], mine[0]);
	ck_assert_ptr_eq(elems[2], bk.slots[6]);
	ck_assert_ptr_eq(elems[3], bk.slots[7]);
	ck_assert_ptr_eq(elems[4], mine[1]);
	mempool_free(elems[0], &pool);
	mempool_free(elems[2], &pool);
	mempool_free(elems[3], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_17_the_reserve_fills_only_null_slots)
{
	static char mine[64];

	scripted_pool(&pool, &bk, 3);
	scripted_set(&bk, NULL, true);
	elems[1] = mine;
	ck_assert_int_eq(mempool_alloc_bulk(&pool, elems, 3, 1), 0);
	ck_assert_ptr_eq(elems[0], bk.slots[2]);
	ck_assert_ptr_eq(elems[1], mine);
	ck_assert_ptr_eq(elems[2], bk.slots[1]);
	ck_assert_int_eq(mempool_curr_nr(&pool), 1);
	mempool_free(elems[0], &pool);
	mempool_free(elems[2], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_17_nothing_to_do)
{
	static char mine[2][64];

	scripted_pool(&pool, &bk, 2);
	scripted_set(&bk, NULL, true);
	ck_assert_int_eq(mempool_alloc_bulk(&pool, elems, 0, 0), 0);
	elems[0] = mine[0];
	elems[1] = mine[1];
	ck_assert_int_eq(mempool_alloc_bulk(&pool, elems, 2, 2), 0);
	ck_assert_ptr_eq(elems[0], mine[0]);
	ck_assert_ptr_eq(elems[1], mine[1]);
	ck_assert_int_eq(bk.calls, 0);
	ck_assert_int_eq(mempool_curr_nr(&pool), 2);
	scripted_exit(&pool, &bk);
}
END_TEST

static const unsigned int wrong_allocated[] = {0, 2, 3, 4, 100, ~0u};

START_TEST(par_17_wrong_allocated_is_corrected_with_a_warning)
{
	static char mine[64];

	/* One of four slots is filled; @allocated says otherwise. */
	scripted_pool(&pool, &bk, 4);
	scripted_set(&bk, "a", true);
	elems[2] = mine;
	ck_assert_int_eq(mempool_alloc_bulk(&pool, elems, 4, wrong_allocated[_i]), 0);
	expect_report(MEMPOOL_REPORT_WARNING, "mempool_alloc_bulk");
	ck_assert_ptr_eq(elems[0], bk.slots[4]);
	ck_assert_ptr_eq(elems[1], bk.slots[3]);
	ck_assert_ptr_eq(elems[2], mine);
	ck_assert_ptr_eq(elems[3], bk.slots[2]);
	ck_assert_int_eq(mempool_curr_nr(&pool), 2);
	elems[2] = NULL;
	free_singly(4);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_17_count_above_min_nr_warns_once)
{
	mempool_t other;

	scripted_pool(&other, &bk, 1);
	scripted_pool(&pool, &bk, 2);
	ck_assert_int_eq(mempool_alloc_bulk(&pool, elems, 2, 0), 0);
	free_singly(2);
	memset(elems, 0, sizeof(elems));
	ck_assert_int_eq(reports_pending(), 0);
	ck_assert_int_eq(mempool_alloc_bulk(&pool, elems, 3, 0), 0);
	expect_report(MEMPOOL_REPORT_WARNING, "mempool_alloc_bulk");
	ck_assert_int_eq(mempool_alloc_bulk(&pool, elems + 3, 4, 0), 0);
	ck_assert_int_eq(mempool_alloc_bulk(&other, elems + 7, 2, 0), 0);
	free_singly(9);
	mempool_exit(&other);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_17_a_count_that_can_never_be_served_is_reported_after_5_seconds)
{
	static struct sleeper s;
	int64_t start = now_ns();

	scripted_pool(&pool, &bk, 2);
	scripted_set(&bk, NULL, true);
	s.count = 3;
	sleeper_start(&s, &pool);
	wait_for_waiters(&pool, 1);
	expect_report(MEMPOOL_REPORT_WARNING, "mempool_alloc_bulk");
	WAIT_FOR(reports_pending() == 1);
	ck_assert_int_ge(now_ns() - start, 4900 * NS_PER_MS);
	ck_assert(has_own_code_address(expect_some_report("'scripted'")));
	ck_assert(!atomic_load(&s.done));

	/* It is served all the same once the backing recovers; a resize wakes it (PAR-28). */
	scripted_set(&bk, NULL, false);
	ck_assert_int_eq(mempool_resize(&pool, 3), 0);
	sleeper_join(&s);
	for (int i = 0; i < 3; i++)
		mempool_free(s.elems[i], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_17_bulk_of_one_on_a_min_nr_0_pool)
{
	static struct sleeper s;

	/* count 1 is above min_nr 0, yet max(1, min_nr) can serve it. */
	scripted_pool(&pool, &bk, 0);
	scripted_drain(&pool, &bk, taken);
	s.count = 1;
	sleeper_start(&s, &pool);
	wait_for_waiters(&pool, 1);
	mempool_free(taken[0], &pool);
	sleeper_join(&s);
	ck_assert_ptr_eq(s.elems[0], taken[0]);
	while (reports_pending())
		expect_report(MEMPOOL_REPORT_WARNING, "mempool_alloc_bulk");
	mempool_free(taken[0], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

struct rival {
	struct worker w;
	int rounds;
};

static void take_two_and_return(void *arg)
{
	struct rival *r = arg;

	for (int i = 0; i < r->rounds; i++) {
		void *pair[2] = {NULL, NULL};

		mempool_alloc_bulk(&pool, pair, 2, 0);
		if (mempool_free_bulk(&pool, pair, 2) != 2)
			return;
	}
	r->rounds = 0;
}

START_TEST(par_18_rivals_for_the_whole_reserve_do_not_deadlock)
{
	static struct rival r[4];

	/* Each wants both elements. A loop of single allocations would stand still with one each. */
	scripted_pool(&pool, &bk, 2);
	scripted_set(&bk, NULL, true);
	for (int i = 0; i < 4; i++) {
		r[i].rounds = scale(2000);
		worker_start(&r[i].w, take_two_and_return, &r[i]);
	}
	for (int i = 0; i < 4; i++) {
		worker_join(&r[i].w);
		ck_assert_int_eq(r[i].rounds, 0);
	}
	ck_assert_int_eq(mempool_curr_nr(&pool), 2);
	if (!under("valgrind"))
		ck_assert_uint_eq(stats_of(&pool).timeouts, 0);
	scripted_exit(&pool, &bk);
}
END_TEST

TCase *bulk_tests(void)
{
	TCase *tc = new_case("bulk");

	tcase_add_test(tc, par_17_backing_first_slot_by_slot);
	tcase_add_test(tc, par_17_at_the_first_null_the_reserve_serves_the_rest);
	tcase_add_test(tc, par_17_the_reserve_alone_can_serve_all);
	tcase_add_test(tc, par_17_second_pass_can_make_the_reserve_suffice);
	tcase_add_test(tc, par_17_first_pass_keeps_what_the_backing_gave);
	tcase_add_test(tc, par_17_all_or_nothing);
	tcase_add_test(tc, par_17_sleeps_with_its_filled_slots_kept);
	tcase_add_test(tc, par_17_fills_the_null_slots_upwards);
	tcase_add_test(tc, par_17_the_reserve_fills_only_null_slots);
	tcase_add_test(tc, par_17_nothing_to_do);
	tcase_add_loop_test(tc, par_17_wrong_allocated_is_corrected_with_a_warning, 0, LENGTH(wrong_allocated));
	tcase_add_test(tc, par_17_count_above_min_nr_warns_once);
	tcase_add_test(tc, par_17_a_count_that_can_never_be_served_is_reported_after_5_seconds);
	tcase_add_test(tc, par_17_bulk_of_one_on_a_min_nr_0_pool);
	tcase_add_test(tc, par_18_rivals_for_the_whole_reserve_do_not_deadlock);
	return tc;
}
