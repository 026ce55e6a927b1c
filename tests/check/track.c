// SPDX-License-Identifier: MIT
/* track.c - pools that know what is out: double frees, foreign frees, elements still out at exit ("track", PAR-5). */
#include "scripted.h"

#include <string.h>

static mempool_t pool;
static void *taken[32];

static void tracked_pool(int min_nr)
{
	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_TRACK), 0);
	scripted_pool(&pool, &bk, min_nr);
}

static void names_pool_and_element(const void *element)
{
	const char *text = expect_report(MEMPOOL_REPORT_BUG, "'scripted'");

	ck_assert_msg(has_address(text, element), "element %p is not named in: %s", element, text);
	ck_assert_msg(has_own_code_address(text), "no stack address in: %s", text);
}

START_TEST(track_double_free_into_the_reserve)
{
	void *a, *b;

	tracked_pool(3);
	scripted_set(&bk, NULL, true);
	a = mempool_alloc(&pool, GFP_KERNEL);
	b = mempool_alloc(&pool, GFP_KERNEL);
	mempool_free(a, &pool);
	mempool_free(a, &pool);
	names_pool_and_element(a);
	ck_assert_int_eq(mempool_curr_nr(&pool), 2);

	/* The damage is limited: the element is inside once, and handed out once. */
	taken[0] = mempool_alloc(&pool, GFP_ATOMIC);
	taken[1] = mempool_alloc(&pool, GFP_ATOMIC);
	ck_assert_ptr_eq(taken[0], a);
	ck_assert_ptr_ne(taken[1], a);
	ck_assert_ptr_null(mempool_alloc(&pool, GFP_ATOMIC));
	mempool_free(b, &pool);
	mempool_free(taken[0], &pool);
	mempool_free(taken[1], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(track_double_free_to_the_backing)
{
	void *a;

	tracked_pool(1);
	a = mempool_alloc(&pool, GFP_KERNEL);
	mempool_free(a, &pool);
	ck_assert_int_eq(bk.frees, 1);
	mempool_free(a, &pool);
	names_pool_and_element(a);
	ck_assert_int_eq(bk.frees, 1);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(track_free_of_what_the_reserve_holds)
{
	/* Freeing an element that never left is a double free, too. */
	tracked_pool(2);
	mempool_free(bk.slots[0], &pool);
	names_pool_and_element(bk.slots[0]);
	ck_assert_int_eq(mempool_curr_nr(&pool), 2);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(track_foreign_free)
{
	static char foreign[64];
	mempool_t other;
	void *from_other;

	tracked_pool(2);
	scripted_drain(&pool, &bk, taken);
	mempool_free(foreign, &pool);
	names_pool_and_element(foreign);
	ck_assert_int_eq(mempool_curr_nr(&pool), 0);
	ck_assert_int_eq(bk.frees, 0);
	scripted_pool(&other, &bk, 1);
	from_other = mempool_alloc(&other, GFP_KERNEL);
	mempool_free(from_other, &pool);
	names_pool_and_element(from_other);
	ck_assert_int_eq(mempool_curr_nr(&pool), 0);
	mempool_free(from_other, &other);
	mempool_free(taken[0], &pool);
	mempool_free(taken[1], &pool);
	mempool_exit(&other);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(track_bulk_free_of_a_double)
{
	void *elems[2];

	tracked_pool(3);
	elems[0] = elems[1] = mempool_alloc_preallocated(&pool);
	taken[0] = mempool_alloc_preallocated(&pool);
	mempool_free_bulk(&pool, elems, 2);
	names_pool_and_element(elems[0]);
	ck_assert_int_eq(mempool_curr_nr(&pool), 2);
	mempool_free(taken[0], &pool);
	ck_assert_int_eq(mempool_curr_nr(&pool), 3);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(track_silent_about_correct_use)
{
	void *elems[4] = {NULL};

	/* Each way out, and each way back. */
	tracked_pool(4);
	for (int round = 0; round < 3; round++) {
		scripted_set(&bk, "aa", true);
		taken[0] = mempool_alloc(&pool, GFP_KERNEL);
		taken[1] = mempool_alloc(&pool, GFP_ATOMIC);
		taken[2] = mempool_alloc_preallocated(&pool);
		taken[3] = mempool_alloc_timeout(&pool, GFP_KERNEL, 0);
		for (int i = 0; i < 4; i++)
			mempool_free(taken[i], &pool);
		scripted_set(&bk, "a", true);
		memset(elems, 0, sizeof(elems));
		ck_assert_int_eq(mempool_alloc_bulk(&pool, elems, 4, 0), 0);
		mempool_free(elems[3], &pool);
		for (unsigned int i = mempool_free_bulk(&pool, elems, 3); i < 3; i++)
			scripted_free(elems[i], &bk);
	}
	ck_assert_int_eq(mempool_resize(&pool, 8), 0);
	scripted_set(&bk, NULL, false);
	ck_assert_int_eq(mempool_resize(&pool, 6), 0);
	ck_assert_int_eq(mempool_resize(&pool, 2), 0);
	taken[0] = mempool_alloc_preallocated(&pool);
	mempool_free(taken[0], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(track_the_rest_of_a_bulk_free_is_the_callers)
{
	void *elems[4] = {NULL};

	/* A full reserve takes nothing; the caller hands the elements to its backing, and they are out no more. */
	tracked_pool(4);
	ck_assert_int_eq(mempool_alloc_bulk(&pool, elems, 4, 0), 0);
	ck_assert_uint_eq(mempool_free_bulk(&pool, elems, 4), 0);
	for (int i = 0; i < 4; i++)
		scripted_free(elems[i], &bk);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(track_elements_out_at_exit_are_counted)
{
	const char *text;

	tracked_pool(3);
	taken[0] = mempool_alloc_preallocated(&pool);
	for (int i = 1; i < 7; i++)
		taken[i] = mempool_alloc(&pool, GFP_KERNEL);
	mempool_exit(&pool);
	text = expect_report(MEMPOOL_REPORT_BUG, "'scripted'");
	ck_assert_msg(strstr(text, "7 "), "the count of 7 is not in: %s", text);
	ck_assert_int_eq(bk.frees, 2);
}
END_TEST

START_TEST(track_counts_at_destroy)
{
	mempool_t *p;
	void *element;

	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_TRACK), 0);
	p = mempool_create_kmalloc_pool(2, 64);
	element = mempool_alloc(p, GFP_KERNEL);
	mempool_destroy(p);
	expect_report(MEMPOOL_REPORT_BUG, "1 ");
	kfree(element);
}
END_TEST

START_TEST(track_only_pools_initialised_from_now_on)
{
	void *element;

	scripted_pool(&pool, &bk, 2);
	element = mempool_alloc(&pool, GFP_KERNEL);
	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_TRACK), 0);
	mempool_free(element, &pool);
	element = mempool_alloc_preallocated(&pool);
	mempool_exit(&pool);
	ck_assert_uint_eq(mempool_report_count(), 0);

	/* And one that was tracked stays so. */
	tracked_pool(1);
	ck_assert_int_eq(mempool_debug_set(0), 0);
	element = mempool_alloc_preallocated(&pool);
	mempool_free(element, &pool);
	mempool_free(element, &pool);
	names_pool_and_element(element);
	mempool_exit(&pool);
}
END_TEST

static void take_and_return(void *arg)
{
	int rounds = scale(5000);

	(void)arg;
	for (int i = 0; i < rounds; i++) {
		void *element = mempool_alloc(&pool, i % 2 ? GFP_KERNEL : GFP_ATOMIC);

		if (element)
			mempool_free(element, &pool);
	}
}

START_TEST(track_holds_with_threads)
{
	struct worker w[4];

	tracked_pool(4);
	for (int i = 0; i < 4; i++)
		worker_start(&w[i], take_and_return, NULL);
	for (int i = 0; i < 4; i++)
		worker_join(&w[i]);
	scripted_exit(&pool, &bk);
}
END_TEST

TCase *track_tests(void)
{
	TCase *tc = new_case("track");

	tcase_add_test(tc, track_double_free_into_the_reserve);
	tcase_add_test(tc, track_double_free_to_the_backing);
	tcase_add_test(tc, track_free_of_what_the_reserve_holds);
	tcase_add_test(tc, track_foreign_free);
	tcase_add_test(tc, track_bulk_free_of_a_double);
	tcase_add_test(tc, track_silent_about_correct_use);
	tcase_add_test(tc, track_the_rest_of_a_bulk_free_is_the_callers);
	tcase_add_test(tc, track_elements_out_at_exit_are_counted);
	tcase_add_test(tc, track_counts_at_destroy);
	tcase_add_test(tc, track_only_pools_initialised_from_now_on);
	tcase_add_test(tc, track_holds_with_threads);
	return tc;
}
