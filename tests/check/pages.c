// SPDX-License-Identifier: MIT
/* pages.c - pages in a row (the ground of PAR-29's page pools). */
#include "support.h"

#include <string.h>

START_TEST(pages_are_aligned_to_their_size)
{
	unsigned int order = (unsigned int)_i;
	size_t bytes = PAGE_SIZE << order;
	unsigned long page[5];

	for (int i = 0; i < 5; i++) {
		page[i] = __get_free_pages(i % 2 ? GFP_ATOMIC : GFP_KERNEL, order);
		ck_assert_uint_ne(page[i], 0);
		ck_assert_uint_eq(page[i] % bytes, 0);
		memset((void *)page[i], i + 1, bytes);
	}
	for (int i = 0; i < 5; i++) {
		ck_assert_uint_eq(same_bytes((void *)page[i], bytes, i + 1), bytes);
		free_pages(page[i], order);
	}
}
END_TEST

START_TEST(pages_of_mixed_orders_do_not_overlap)
{
	static unsigned long page[200];
	static unsigned int order[200];
	unsigned int seed = 3;

	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < LENGTH(page); i++) {
			seed = seed * 1103515245u + 12345u;
			if (page[i]) {
				unsigned char *p = (unsigned char *)page[i];
				size_t last = (PAGE_SIZE << order[i]) - 1;

				ck_assert_uint_eq(p[0], i);
				ck_assert_uint_eq(p[last / 2], i);
				ck_assert_uint_eq(p[last], i);
				free_pages(page[i], order[i]);
				page[i] = 0;
			}
			if ((seed >> 20) % 3 == 0)
				continue;
			order[i] = (seed >> 16) % 6;
			page[i] = __get_free_pages(GFP_KERNEL, order[i]);
			ck_assert_uint_ne(page[i], 0);
			memset((void *)page[i], i, PAGE_SIZE << order[i]);
		}
	}
	for (int i = 0; i < LENGTH(page); i++)
		free_pages(page[i], order[i]);
}
END_TEST

START_TEST(pages_zeroed)
{
	unsigned long page[16];

	for (int i = 0; i < 16; i++) {
		page[i] = __get_free_page(GFP_KERNEL);
		memset((void *)page[i], 0xcc, PAGE_SIZE);
	}
	for (int i = 0; i < 16; i++)
		free_page(page[i]);
	for (int i = 0; i < 16; i++) {
		page[i] = i % 2 ? get_zeroed_page(GFP_ATOMIC) : __get_free_pages(GFP_KERNEL | __GFP_ZERO, 1);
		ck_assert_uint_eq(same_bytes((void *)page[i], PAGE_SIZE, 0), PAGE_SIZE);
	}
	for (int i = 0; i < 16; i++)
		free_pages(page[i], i % 2 ? 0 : 1);
}
END_TEST

START_TEST(pages_free_0_does_nothing)
{
	free_pages(0, 0);
	free_pages(0, MAX_PAGE_ORDER);
}
END_TEST

START_TEST(pages_too_large_an_order)
{
	static const unsigned int orders[] = {MAX_PAGE_ORDER + 1, 63, 64, ~0u};

	ck_assert_uint_eq(__get_free_pages(GFP_KERNEL | __GFP_NOWARN, orders[_i]), 0);
	ck_assert_int_eq(reports_pending(), 0);
	ck_assert_uint_eq(__get_free_pages(GFP_KERNEL, orders[_i]), 0);
	expect_report(MEMPOOL_REPORT_WARNING, "");
	ck_assert_uint_eq(__get_free_pages(GFP_KERNEL, orders[_i]), 0);
}
END_TEST

START_TEST(pages_wrong_order_frees_nothing)
{
	unsigned long page = __get_free_pages(GFP_KERNEL, 2);
	unsigned long other[64];

	memset((void *)page, 0x21, PAGE_SIZE << 2);
	free_pages(page, 1);
	expect_report(MEMPOOL_REPORT_BUG, "");
	free_pages(page, 3);
	expect_report(MEMPOOL_REPORT_BUG, "");
	free_pages(page, MAX_PAGE_ORDER + 1);
	expect_report(MEMPOOL_REPORT_BUG, "");

	/* Still ours: whoever allocates now gets other pages. */
	for (int i = 0; i < 64; i++) {
		other[i] = __get_free_pages(GFP_KERNEL, 1);
		memset((void *)other[i], 0xff, PAGE_SIZE << 1);
	}
	ck_assert_uint_eq(same_bytes((void *)page, PAGE_SIZE << 2, 0x21), PAGE_SIZE << 2);
	for (int i = 0; i < 64; i++)
		free_pages(other[i], 1);
	free_pages(page, 2);
}
END_TEST

START_TEST(pages_wrong_address_frees_nothing)
{
	static _Alignas(4096) char not_ours[8192];
	unsigned long page = __get_free_pages(GFP_KERNEL, 2);
	unsigned long wrong[] = {page + PAGE_SIZE,        page + 1, page + 64,
				 (unsigned long)not_ours, 4096,     ~0ul << PAGE_SHIFT};

	memset((void *)page, 0x21, PAGE_SIZE << 2);
	for (int i = 0; i < LENGTH(wrong); i++) {
		free_pages(wrong[i], 0);
		ck_assert_msg(has_address(expect_report(MEMPOOL_REPORT_BUG, ""), (void *)wrong[i]), "address %d", i);
	}
	ck_assert_uint_eq(((unsigned char *)page)[PAGE_SIZE], 0x21);
	free_pages(page, 2);
}
END_TEST

START_TEST(pages_double_free_is_reported)
{
	unsigned long page = __get_free_pages(GFP_KERNEL, 1);
	unsigned long again[2];

	free_pages(page, 1);
	free_pages(page, 1);
	expect_report(MEMPOOL_REPORT_BUG, "");
	again[0] = __get_free_pages(GFP_KERNEL, 1);
	again[1] = __get_free_pages(GFP_KERNEL, 1);
	ck_assert_uint_ne(again[0], again[1]);
	free_pages(again[0], 1);
	free_pages(again[1], 1);
}
END_TEST

TCase *pages_tests(void)
{
	TCase *tc = new_case("pages");

	tcase_add_loop_test(tc, pages_are_aligned_to_their_size, 0, MAX_PAGE_ORDER + 1);
	tcase_add_test(tc, pages_of_mixed_orders_do_not_overlap);
	tcase_add_test(tc, pages_zeroed);
	tcase_add_test(tc, pages_free_0_does_nothing);
	tcase_add_loop_test(tc, pages_too_large_an_order, 0, 4);
	tcase_add_test(tc, pages_wrong_order_frees_nothing);
	tcase_add_test(tc, pages_wrong_address_frees_nothing);
	tcase_add_test(tc, pages_double_free_is_reported);
	return tc;
}
