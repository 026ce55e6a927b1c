// SPDX-License-Identifier: MIT
/* free.c - giving elements back: refill first, and nothing lost on the way (PAR-20 to PAR-23, PAR-25). */
#include "scripted.h"

#include <sched.h>

static mempool_t pool;
static void *taken[16];

START_TEST(par_20_free_null_does_nothing)
{
	static mempool_t zeroed;

	scripted_pool(&pool, &bk, 2);
	taken[0] = mempool_alloc_preallocated(&pool);
	mempool_free(NULL, &pool);
	ck_assert_int_eq(mempool_curr_nr(&pool), 1);
	ck_assert_int_eq(bk.frees, 0);
	ck_assert_uint_eq(stats_of(&pool).frees, 0);
	mempool_free(NULL, &zeroed);
	mempool_free(NULL, NULL);
	mempool_free(taken[0], &pool);
	mempool_free(NULL, &pool);
	ck_assert_int_eq(bk.frees, 0);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_21_full_reserve_frees_to_the_backing)
{
	void *element;

	scripted_pool(&pool, &bk, 2);
	element = mempool_alloc(&pool, GFP_KERNEL);
	mempool_free(element, &pool);
	ck_assert_int_eq(bk.frees, 1);
	ck_assert_ptr_eq(bk.freed[0], element);
	ck_assert_int_eq(mempool_curr_nr(&pool), 2);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_21_refill_first_then_the_backing)
{
	void *extra[3];

	scripted_pool(&pool, &bk, 3);
	for (int i = 0; i < 3; i++)
		extra[i] = mempool_alloc(&pool, GFP_KERNEL);
	ck_assert_int_eq(scripted_drain(&pool, &bk, taken), 3);

	/* Elements that were never in the reserve fill it all the same; the old ones then go to the backing. */
	for (int i = 0; i < 3; i++) {
		mempool_free(extra[i], &pool);
		ck_assert_int_eq(mempool_curr_nr(&pool), i + 1);
	}
	ck_assert_int_eq(bk.frees, 0);
	for (int i = 0; i < 3; i++) {
		mempool_free(taken[i], &pool);
		ck_assert_int_eq(bk.frees, i + 1);
		ck_assert_ptr_eq(bk.freed[i], taken[i]);
	}
	ck_assert_ptr_eq(mempool_alloc_preallocated(&pool), extra[2]);
	mempool_free(extra[2], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_21_any_element_is_adopted)
{
	static char foreign[64];

	/* "whichever it is": one that no alloc_fn ever gave is kept, too, and handed out again. */
	scripted_pool(&pool, &bk, 1);
	scripted_drain(&pool, &bk, taken);
	mempool_free(foreign, &pool);
	ck_assert_int_eq(mempool_curr_nr(&pool), 1);
	ck_assert_ptr_eq(mempool_alloc(&pool, GFP_ATOMIC), foreign);
	mempool_free(taken[0], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

/*
 * PAR-22: one thread takes from the reserve and hands the element over by relaxed stores only; the other frees it. The
 * free must see the lowered level, and so never call free_fn.
 */
struct handover {
	_Atomic(void *) slot;
	atomic_bool over;
	int rounds;
};

/* Now and then only: a system call is a barrier, and barriers are what this test must do without. */
static void give_way(unsigned int *spins)
{
	if (++*spins % 1024 == 0)
		sched_yield();
}

static void free_what_is_handed_over(void *arg)
{
	struct handover *h = arg;
	unsigned int spins = 0;

	while (!atomic_load_explicit(&h->over, memory_order_relaxed)) {
		void *element = atomic_load_explicit(&h->slot, memory_order_relaxed);

		if (!element) {
			give_way(&spins);
			continue;
		}
		mempool_free(element, &pool);
		atomic_store_explicit(&h->slot, NULL, memory_order_relaxed);
	}
}

START_TEST(par_22_a_free_sees_the_level_that_the_alloc_lowered)
{
	static struct handover h;
	struct worker w;
	int64_t give_up = now_ns() + deadline_ns();
	unsigned int spins = 0;
	int rounds = scale(200000);
	int done = 0;

	scripted_pool(&pool, &bk, 1);
	scripted_set(&bk, NULL, true);
	worker_start(&w, free_what_is_handed_over, &h);
	while (done < rounds && now_ns() < give_up) {
		void *element = mempool_alloc(&pool, GFP_ATOMIC);

		if (!element)
			continue;
		done++;
		atomic_store_explicit(&h.slot, element, memory_order_relaxed);
		while (atomic_load_explicit(&h.slot, memory_order_relaxed))
			give_way(&spins);
	}
	atomic_store(&h.over, true);
	worker_join(&w);
	ck_assert_int_gt(done, rounds / 100);
	ck_assert_int_eq(scripted_frees(&bk), 0);
	ck_assert_int_eq(mempool_curr_nr(&pool), 1);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_23_min_nr_0_keeps_one_freed_element)
{
	void *element;

	scripted_pool(&pool, &bk, 0);
	element = mempool_alloc(&pool, GFP_KERNEL);
	ck_assert_int_eq(scripted_drain(&pool, &bk, taken), 1);
	mempool_free(element, &pool);
	ck_assert_int_eq(mempool_curr_nr(&pool), 1);
	ck_assert_int_eq(bk.frees, 0);
	mempool_free(taken[0], &pool);
	ck_assert_int_eq(mempool_curr_nr(&pool), 1);
	ck_assert_int_eq(bk.frees, 1);
	ck_assert_ptr_eq(bk.freed[0], taken[0]);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_23_bulk_free_of_nothing_takes_nothing)
{
	static char decoy[64];
	void *elems[1] = {decoy};

	/* The kernel takes slot 0 here. */
	scripted_pool(&pool, &bk, 0);
	scripted_drain(&pool, &bk, taken);
	ck_assert_uint_eq(mempool_free_bulk(&pool, elems, 0), 0);
	ck_assert_int_eq(mempool_curr_nr(&pool), 0);
	mempool_free(taken[0], &pool);
	ck_assert_uint_eq(mempool_free_bulk(&pool, elems, 0), 0);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_23_bulk_free_keeps_one_with_min_nr_0)
{
	void *elems[2];

	scripted_pool(&pool, &bk, 0);
	elems[1] = mempool_alloc(&pool, GFP_KERNEL);
	scripted_drain(&pool, &bk, taken);
	elems[0] = taken[0];
	ck_assert_uint_eq(mempool_free_bulk(&pool, elems, 2), 1);
	ck_assert_int_eq(mempool_curr_nr(&pool), 1);
	ck_assert_int_eq(bk.frees, 0);
	scripted_free(elems[1], &bk);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_25_bulk_free_fills_from_the_front)
{
	void *elems[4];

	/* Room for two of four: the first two go, the slots stay as they are, the rest is the caller's. */
	scripted_pool(&pool, &bk, 4);
	ck_assert_int_eq(scripted_drain(&pool, &bk, taken), 4);
	mempool_free(taken[0], &pool);
	mempool_free(taken[1], &pool);
	scripted_set(&bk, "aa", true);
	elems[0] = taken[2];
	elems[1] = taken[3];
	elems[2] = mempool_alloc(&pool, GFP_KERNEL);
	elems[3] = mempool_alloc(&pool, GFP_KERNEL);
	ck_assert_uint_eq(mempool_free_bulk(&pool, elems, 4), 2);
	ck_assert_int_eq(mempool_curr_nr(&pool), 4);
	ck_assert_int_eq(bk.frees, 0);
	ck_assert_ptr_eq(elems[0], taken[2]);
	ck_assert_ptr_eq(elems[1], taken[3]);
	ck_assert_ptr_eq(elems[2], bk.slots[4]);
	ck_assert_ptr_eq(elems[3], bk.slots[5]);
	for (int i = 2; i < 4; i++)
		scripted_free(elems[i], &bk);

	/* The last that went in is the newest. */
	ck_assert_ptr_eq(mempool_alloc_preallocated(&pool), elems[1]);
	ck_assert_ptr_eq(mempool_alloc_preallocated(&pool), elems[0]);
	mempool_free(elems[0], &pool);
	mempool_free(elems[1], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_25_bulk_free_with_a_full_reserve)
{
	void *elems[2];

	scripted_pool(&pool, &bk, 2);
	elems[0] = mempool_alloc(&pool, GFP_KERNEL);
	elems[1] = mempool_alloc(&pool, GFP_KERNEL);
	ck_assert_uint_eq(mempool_free_bulk(&pool, elems, 2), 0);
	ck_assert_int_eq(mempool_curr_nr(&pool), 2);
	ck_assert_int_eq(bk.frees, 0);
	scripted_free(elems[0], &bk);
	scripted_free(elems[1], &bk);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_25_bulk_free_wakes_a_sleeper)
{
	static struct sleeper s;

	scripted_pool(&pool, &bk, 2);
	scripted_drain(&pool, &bk, taken);
	sleeper_start(&s, &pool);
	wait_for_waiters(&pool, 1);
	ck_assert_uint_eq(mempool_free_bulk(&pool, taken, 2), 2);
	sleeper_join(&s);
	ck_assert_ptr_eq(s.element, taken[1]);
	ck_assert_uint_eq(stats_of(&pool).timeouts, 0);
	mempool_free(s.element, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

TCase *free_tests(void)
{
	TCase *tc = new_case("free");

	tcase_add_test(tc, par_20_free_null_does_nothing);
	tcase_add_test(tc, par_21_full_reserve_frees_to_the_backing);
	tcase_add_test(tc, par_21_refill_first_then_the_backing);
	tcase_add_test(tc, par_21_any_element_is_adopted);
	tcase_add_test(tc, par_22_a_free_sees_the_level_that_the_alloc_lowered);
	tcase_add_test(tc, par_23_min_nr_0_keeps_one_freed_element);
	tcase_add_test(tc, par_23_bulk_free_of_nothing_takes_nothing);
	tcase_add_test(tc, par_23_bulk_free_keeps_one_with_min_nr_0);
	tcase_add_test(tc, par_25_bulk_free_fills_from_the_front);
	tcase_add_test(tc, par_25_bulk_free_with_a_full_reserve);
	tcase_add_test(tc, par_25_bulk_free_wakes_a_sleeper);
	return tc;
}
