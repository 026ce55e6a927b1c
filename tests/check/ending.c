// SPDX-License-Identifier: MIT
/* ending.c - how a pool ends, and what can be read of it until then (PAR-5 to PAR-7). */
#include "scripted.h"

static mempool_t pool;

START_TEST(par_5_exit_gives_back_newest_first)
{
	scripted_pool(&pool, &bk, 4);
	mempool_exit(&pool);
	ck_assert_int_eq(bk.frees, 4);
	for (int i = 0; i < 4; i++)
		ck_assert_ptr_eq(bk.freed[i], bk.slots[3 - i]);
	ck_assert(!mempool_initialized(&pool));
	ck_assert_int_eq(mempool_curr_nr(&pool), 0);
	ck_assert_str_eq(mempool_name(&pool), "(uninitialized)");
}
END_TEST

START_TEST(par_5_exit_of_a_zeroed_pool)
{
	mempool_exit(&pool);
	mempool_exit(&pool);
	ck_assert_int_eq(mempool_curr_nr(&pool), 0);
}
END_TEST

START_TEST(par_5_exit_twice)
{
	scripted_pool(&pool, &bk, 2);
	mempool_exit(&pool);
	mempool_exit(&pool);
	ck_assert_int_eq(bk.frees, 2);
	ck_assert_int_eq(bk.errors, 0);
}
END_TEST

START_TEST(par_5_exit_frees_the_reserve_only)
{
	void *element;

	/* What is still out is the caller's mistake; without "track" nobody counts it. */
	scripted_pool(&pool, &bk, 3);
	element = mempool_alloc_preallocated(&pool);
	ck_assert_ptr_eq(element, bk.slots[2]);
	mempool_exit(&pool);
	ck_assert_int_eq(bk.frees, 2);
	ck_assert_ptr_eq(bk.freed[0], bk.slots[1]);
	ck_assert_ptr_eq(bk.freed[1], bk.slots[0]);
}
END_TEST

START_TEST(par_5_init_after_exit)
{
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(mempool_init(&pool, i + 1, scripted_alloc, scripted_free, &bk), 0);
		ck_assert_int_eq(mempool_curr_nr(&pool), i + 1);
		ck_assert_int_eq(pool.min_nr, i + 1);
		scripted_exit(&pool, &bk);
	}
}
END_TEST

START_TEST(par_6_destroy_null_does_nothing)
{
	mempool_destroy(NULL);
}
END_TEST

START_TEST(par_6_destroy_gives_the_reserve_back)
{
	mempool_t *p = mempool_create(3, scripted_alloc, scripted_free, &bk);

	ck_assert_ptr_nonnull(p);
	mempool_destroy(p);
	ck_assert_int_eq(bk.frees, 3);
	for (int i = 0; i < 3; i++)
		ck_assert_ptr_eq(bk.freed[i], bk.slots[2 - i]);
}
END_TEST

START_TEST(par_6_destroy_after_exit)
{
	mempool_t *p = mempool_create(3, scripted_alloc, scripted_free, &bk);

	/* destroy is exit, then the pool itself is freed; and exit is legal twice. */
	mempool_exit(p);
	ck_assert(!mempool_initialized(p));
	ck_assert_int_eq(bk.frees, 3);
	mempool_destroy(p);
	ck_assert_int_eq(bk.frees, 3);
}
END_TEST

START_TEST(par_7_initialized)
{
	ck_assert(!mempool_initialized(&pool));
	scripted_pool(&pool, &bk, 1);
	ck_assert(mempool_initialized(&pool));
	mempool_exit(&pool);
	ck_assert(!mempool_initialized(&pool));
}
END_TEST

START_TEST(par_7_saturated_is_level_at_min_nr)
{
	void *a, *b;

	scripted_pool(&pool, &bk, 2);
	ck_assert(mempool_is_saturated(&pool));
	a = mempool_alloc_preallocated(&pool);
	ck_assert(!mempool_is_saturated(&pool));
	b = mempool_alloc_preallocated(&pool);
	ck_assert(!mempool_is_saturated(&pool));
	mempool_free(a, &pool);
	ck_assert(!mempool_is_saturated(&pool));
	mempool_free(b, &pool);
	ck_assert(mempool_is_saturated(&pool));
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_7_saturated_with_min_nr_0)
{
	void *element;

	/* 1 >= 0, and 0 >= 0. */
	scripted_pool(&pool, &bk, 0);
	ck_assert(mempool_is_saturated(&pool));
	element = mempool_alloc_preallocated(&pool);
	ck_assert(mempool_is_saturated(&pool));
	mempool_free(element, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_7_fields_are_readable)
{
	scripted_pool(&pool, &bk, 3);
	ck_assert_int_eq(pool.min_nr, 3);
	ck_assert_ptr_eq(pool.pool_data, &bk);
	ck_assert(pool.alloc == scripted_alloc);
	ck_assert(pool.free == scripted_free);
	scripted_exit(&pool, &bk);
}
END_TEST

TCase *ending_tests(void)
{
	TCase *tc = new_case("ending");

	tcase_add_test(tc, par_5_exit_gives_back_newest_first);
	tcase_add_test(tc, par_5_exit_of_a_zeroed_pool);
	tcase_add_test(tc, par_5_exit_twice);
	tcase_add_test(tc, par_5_exit_frees_the_reserve_only);
	tcase_add_test(tc, par_5_init_after_exit);
	tcase_add_test(tc, par_6_destroy_null_does_nothing);
	tcase_add_test(tc, par_6_destroy_gives_the_reserve_back);
	tcase_add_test(tc, par_6_destroy_after_exit);
	tcase_add_test(tc, par_7_initialized);
	tcase_add_test(tc, par_7_saturated_is_level_at_min_nr);
	tcase_add_test(tc, par_7_saturated_with_min_nr_0);
	tcase_add_test(tc, par_7_fields_are_readable);
	return tc;
}
