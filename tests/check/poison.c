// SPDX-License-Identifier: MIT
/* poison.c - elements in the reserve are filled, and checked when they leave it (PAR-30). */
#include "scripted.h"

#include <stdio.h>
#include <string.h>

#define SIZE 64

static mempool_t pool;
static struct kmem_cache *cache;
static void *taken[8];

static void is_poisoned(const volatile unsigned char *element, size_t size)
{
	ck_assert_uint_eq(same_bytes(element, size - 1, 0x6b), size - 1);
	ck_assert_uint_eq(element[size - 1], 0xa5);
}

static void is_filled(const volatile unsigned char *element, size_t size, unsigned char byte)
{
	ck_assert_uint_eq(same_bytes(element, size, byte), size);
}

/* The pools that know how large their elements are. */
static size_t make_pool(int which, int min_nr)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;

	attr.name = "poisoned";
	switch (which) {
	case 0:
		ck_assert_int_eq(mempool_init_attr(&pool, min_nr, mempool_kmalloc, mempool_kfree, (void *)100, &attr),
				 0);
		return 100;
	case 1:
		cache = kmem_cache_create("poisoned", 72, 0, 0, NULL);
		ck_assert_int_eq(mempool_init_attr(&pool, min_nr, mempool_alloc_slab, mempool_free_slab, cache, &attr),
				 0);
		return 72;
	case 2:
		ck_assert_int_eq(
			mempool_init_attr(&pool, min_nr, mempool_alloc_pages, mempool_free_pages, (void *)1, &attr), 0);
		return 2 * PAGE_SIZE;
	default:
		attr.element_size = SIZE;
		ck_assert_int_eq(mempool_init_attr(&pool, min_nr, scripted_alloc, scripted_free, &bk, &attr), 0);
		return SIZE;
	}
}

#define POOL_KINDS 4

static void end_pool(void)
{
	mempool_exit(&pool);
	if (cache)
		kmem_cache_destroy(cache);
}

START_TEST(par_30_elements_in_the_reserve_are_poisoned)
{
	unsigned char *element;
	size_t size;

	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_POISON), 0);
	size = make_pool(_i, 1);

	/* From creation on; and a clean one leaves filled with 0x5a. */
	element = mempool_alloc_preallocated(&pool);
	is_filled(element, size, 0x5a);
	memset(element, 0, size);
	mempool_free(element, &pool);
	ck_assert_int_eq(mempool_curr_nr(&pool), 1);
	is_poisoned(element, size);
	ck_assert_ptr_eq(mempool_alloc_preallocated(&pool), element);
	is_filled(element, size, 0x5a);
	mempool_free(element, &pool);
	end_pool();
}
END_TEST

START_TEST(par_30_without_the_option_nothing_is_touched)
{
	unsigned char *element;
	size_t size = make_pool(_i, 1);

	element = mempool_alloc_preallocated(&pool);
	memset(element, 0x42, size);
	mempool_free(element, &pool);
	element = mempool_alloc_preallocated(&pool);
	is_filled(element, size, 0x42);
	mempool_free(element, &pool);
	end_pool();
}
END_TEST

/* Where the byte is overwritten: first, in the middle, last but one, last. */
static size_t spot(int i, size_t size)
{
	const size_t spots[] = {0, size / 2, size - 2, size - 1};

	return spots[i];
}

START_TEST(par_30_a_mismatch_is_reported_and_left)
{
	volatile unsigned char *element;
	size_t size, at;
	const char *text;
	char expected[64];

	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_POISON), 0);
	size = make_pool(_i / 4, 3);
	at = spot(_i % 4, size);
	element = mempool_alloc_preallocated(&pool);
	mempool_free((void *)element, &pool);
	element[at] = 0x77;
	ck_assert_ptr_eq(mempool_alloc_preallocated(&pool), (void *)element);
	text = expect_report(MEMPOOL_REPORT_BUG, "'poisoned'");
	ck_assert_msg(has_address(text, (void *)element), "element %p: %s", (void *)element, text);
	ck_assert_msg(has_own_code_address(text), "stack: %s", text);
	ck_assert_msg(strstr(text, "77"), "the bytes: %s", text);
	ck_assert_msg(strstr(text, "6b"), "the bytes around: %s", text);
	snprintf(expected, sizeof(expected), "%zu", size);
	ck_assert_msg(strstr(text, expected), "size %zu: %s", size, text);
	ck_assert_msg(strstr(text, "nr 2,"), "curr_nr: %s", text);

	/* Left as it is: evidence. */
	ck_assert_uint_eq(element[at], 0x77);
	ck_assert_uint_eq(element[at ? 0 : 1], 0x6b);
	mempool_free((void *)element, &pool);
	end_pool();
}
END_TEST

START_TEST(par_30_checked_on_every_way_out)
{
	void *elems[1] = {NULL};
	volatile unsigned char *element;

	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_POISON), 0);
	make_pool(3, 1);
	scripted_set(&bk, NULL, true);
	element = mempool_alloc(&pool, GFP_ATOMIC);
	mempool_free((void *)element, &pool);
	element[5] = 1;
	ck_assert_ptr_eq(mempool_alloc(&pool, GFP_KERNEL), (void *)element);
	expect_report(MEMPOOL_REPORT_BUG, "'poisoned'");
	ck_assert_uint_eq(mempool_free_bulk(&pool, (void *[]){(void *)element}, 1), 1);
	is_poisoned(element, SIZE);
	element[6] = 1;
	ck_assert_int_eq(mempool_alloc_bulk(&pool, elems, 1, 0), 0);
	expect_report(MEMPOOL_REPORT_BUG, "'poisoned'");
	mempool_free(elems[0], &pool);
	element[7] = 1;
	mempool_exit(&pool);
	expect_report(MEMPOOL_REPORT_BUG, "'poisoned'");
}
END_TEST

START_TEST(par_30_resize_poisons_and_checks)
{
	volatile unsigned char *element;

	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_POISON), 0);
	make_pool(3, 1);
	ck_assert_int_eq(mempool_resize(&pool, 3), 0);
	is_poisoned(bk.slots[0], SIZE);
	is_poisoned(bk.slots[1], SIZE);
	is_poisoned(bk.slots[2], SIZE);
	element = bk.slots[2];
	element[0] = 0;
	ck_assert_int_eq(mempool_resize(&pool, 2), 0);
	expect_report(MEMPOOL_REPORT_BUG, "'poisoned'");
	end_pool();
}
END_TEST

START_TEST(par_30_elements_from_the_backing_are_not_checked)
{
	unsigned char *element;

	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_POISON), 0);
	make_pool(3, 1);
	memset(bk.slots[1], 0x12, SIZE);
	element = mempool_alloc(&pool, GFP_KERNEL);
	ck_assert_ptr_eq(element, bk.slots[1]);
	is_filled(element, SIZE, 0x12);
	mempool_free(element, &pool);
	is_filled(element, SIZE, 0x12);
	end_pool();
}
END_TEST

START_TEST(par_30_unknown_size_is_left_alone)
{
	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_POISON), 0);
	memset(bk.slots[0], 0x12, SIZE);
	ck_assert_int_eq(mempool_init(&pool, 1, scripted_alloc, scripted_free, &bk), 0);
	is_filled(bk.slots[0], SIZE, 0x12);
	ck_assert_ptr_eq(mempool_alloc_preallocated(&pool), bk.slots[0]);
	is_filled(bk.slots[0], SIZE, 0x12);
	mempool_free(bk.slots[0], &pool);
	end_pool();
}
END_TEST

START_TEST(par_30_switching_on_does_not_suspect_what_is_already_inside)
{
	size_t size = make_pool(_i, 2);
	unsigned char *element[2];

	for (int i = 0; i < 2; i++) {
		element[i] = mempool_alloc_preallocated(&pool);
		memset(element[i], 0x42, size);
	}
	for (int i = 0; i < 2; i++)
		mempool_free(element[i], &pool);
	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_POISON), 0);
	for (int i = 0; i < 2; i++)
		element[i] = mempool_alloc_preallocated(&pool);
	ck_assert_int_eq(reports_pending(), 0);
	is_filled(element[0], size, 0x42);
	for (int i = 0; i < 2; i++)
		mempool_free(element[i], &pool);
	is_poisoned(element[0], size);
	is_poisoned(element[1], size);
	end_pool();
}
END_TEST

START_TEST(par_30_switching_off_and_on_again)
{
	size_t size = make_pool(_i, 2);
	unsigned char *a, *b;

	/* One element goes in poisoned, another one not; only the first may be judged, however the switch moves. */
	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_POISON), 0);
	a = mempool_alloc_preallocated(&pool);
	b = mempool_alloc_preallocated(&pool);
	mempool_free(a, &pool);
	ck_assert_int_eq(mempool_debug_set(0), 0);
	memset(b, 0x42, size);
	mempool_free(b, &pool);
	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_POISON), 0);
	ck_assert_ptr_eq(mempool_alloc_preallocated(&pool), b);
	ck_assert_int_eq(reports_pending(), 0);
	ck_assert_ptr_eq(mempool_alloc_preallocated(&pool), a);
	mempool_free(a, &pool);
	mempool_free(b, &pool);
	ck_assert_int_eq(mempool_debug_set(0), 0);
	ck_assert_ptr_eq(mempool_alloc_preallocated(&pool), b);
	ck_assert_ptr_eq(mempool_alloc_preallocated(&pool), a);
	memset(a, 1, size);
	memset(b, 1, size);
	mempool_free(b, &pool);
	mempool_free(a, &pool);
	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_POISON), 0);
	end_pool();
}
END_TEST

START_TEST(par_30_sleepers_get_checked_elements)
{
	static struct sleeper s;

	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_POISON), 0);
	make_pool(3, 1);
	scripted_drain(&pool, &bk, taken);
	sleeper_start(&s, &pool);
	wait_for_waiters(&pool, 1);
	mempool_free(taken[0], &pool);
	sleeper_join(&s);
	is_filled(s.element, SIZE, 0x5a);
	mempool_free(s.element, &pool);
	end_pool();
}
END_TEST

TCase *poison_tests(void)
{
	TCase *tc = new_case("poison");

	tcase_add_loop_test(tc, par_30_elements_in_the_reserve_are_poisoned, 0, POOL_KINDS);
	tcase_add_loop_test(tc, par_30_without_the_option_nothing_is_touched, 0, POOL_KINDS);
	tcase_add_loop_test(tc, par_30_a_mismatch_is_reported_and_left, 0, 4 * POOL_KINDS);
	tcase_add_test(tc, par_30_checked_on_every_way_out);
	tcase_add_test(tc, par_30_resize_poisons_and_checks);
	tcase_add_test(tc, par_30_elements_from_the_backing_are_not_checked);
	tcase_add_test(tc, par_30_unknown_size_is_left_alone);
	tcase_add_loop_test(tc, par_30_switching_on_does_not_suspect_what_is_already_inside, 0, POOL_KINDS);
	tcase_add_loop_test(tc, par_30_switching_off_and_on_again, 0, POOL_KINDS);
	tcase_add_test(tc, par_30_sleepers_get_checked_elements);
	return tc;
}
