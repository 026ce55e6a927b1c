// SPDX-License-Identifier: MIT
/* kmalloc.c - memory of any size (PAR-32). */
#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t expected_align(size_t size)
{
	if ((size & (size - 1)) == 0)
		return size < 8 ? 8 : size > PAGE_SIZE ? PAGE_SIZE : size;
	return size <= 8 ? 8 : size < 16 ? 8 : 16;
}

START_TEST(par_32_every_small_size_is_aligned_and_usable)
{
	for (size_t size = 1; size <= 2 * PAGE_SIZE + 8; size++) {
		unsigned char *pair[2];

		for (int i = 0; i < 2; i++) {
			pair[i] = kmalloc(size, GFP_KERNEL);
			ck_assert_ptr_nonnull(pair[i]);
			ck_assert_uint_eq((uintptr_t)pair[i] % expected_align(size), 0);
			ck_assert_uint_ge(ksize(pair[i]), size);
			memset(pair[i], 0xa0 + i, ksize(pair[i]));
		}
		for (int i = 0; i < 2; i++) {
			ck_assert_uint_eq(pair[i][0], 0xa0 + i);
			ck_assert_uint_eq(pair[i][size - 1], 0xa0 + i);
			kfree(pair[i]);
		}
	}
}
END_TEST

START_TEST(par_32_powers_of_two_up_to_the_largest)
{
	for (size_t size = 8; size <= KMALLOC_MAX_SIZE; size *= 2) {
		for (size_t n = size - 1; n <= size + 1 && n <= KMALLOC_MAX_SIZE; n++) {
			unsigned char *p = kmalloc(n, GFP_KERNEL);

			ck_assert_ptr_nonnull(p);
			ck_assert_uint_eq((uintptr_t)p % expected_align(n), 0);
			ck_assert_uint_ge(ksize(p), n);
			memset(p, 0x5e, n);
			kfree(p);
		}
	}
}
END_TEST

START_TEST(par_32_many_live_blocks_do_not_overlap)
{
	static unsigned char *block[600];
	static size_t size[600];
	unsigned int seed = 7;

	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < LENGTH(block); i++) {
			if (block[i]) {
				ck_assert_uint_eq(same_bytes(block[i], size[i], i & 0xff), size[i]);
				kfree(block[i]);
			}
			seed = seed * 1103515245u + 12345u;
			size[i] = 1 + (seed >> 8) % (1u << (seed >> 16) % 15);
			block[i] = kmalloc(size[i], i % 2 ? GFP_KERNEL : GFP_ATOMIC);
			ck_assert_ptr_nonnull(block[i]);
			memset(block[i], i & 0xff, size[i]);
		}
	}
	for (int i = 0; i < LENGTH(block); i++)
		kfree(block[i]);
}
END_TEST

START_TEST(par_32_zero_size)
{
	void *p = kmalloc(100, GFP_KERNEL);

	ck_assert_ptr_eq(kmalloc(0, GFP_KERNEL), ZERO_SIZE_PTR);
	ck_assert_ptr_eq(kzalloc(0, GFP_ATOMIC), ZERO_SIZE_PTR);
	ck_assert_ptr_eq(kcalloc(0, 8, GFP_KERNEL), ZERO_SIZE_PTR);
	ck_assert_ptr_eq(kmalloc_array(8, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	ck_assert_ptr_eq(kvmalloc(0, GFP_KERNEL), ZERO_SIZE_PTR);
	ck_assert_ptr_eq(krealloc(NULL, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	ck_assert_ptr_eq(krealloc(p, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	ck_assert(ZERO_OR_NULL_PTR(kmalloc(0, GFP_KERNEL)));
	kfree(ZERO_SIZE_PTR);
	kvfree(ZERO_SIZE_PTR);
	kfree(NULL);
	kvfree(NULL);
	ck_assert_uint_eq(ksize(ZERO_SIZE_PTR), 0);
	ck_assert_uint_eq(ksize(NULL), 0);
	p = krealloc(ZERO_SIZE_PTR, 50, GFP_KERNEL);
	ck_assert_uint_ge(ksize(p), 50);
	kfree(p);
}
END_TEST

/* Dirty some blocks of a size, so that the next ones are not zero by luck. */
static void dirty(size_t size)
{
	void *block[32];

	for (int i = 0; i < LENGTH(block); i++) {
		block[i] = kmalloc(size, GFP_KERNEL);
		ck_assert_ptr_nonnull(block[i]);
		memset(block[i], 0xdd, size);
	}
	for (int i = 0; i < LENGTH(block); i++)
		kfree(block[i]);
}

static const size_t zero_sizes[] = {1, 8, 24, 96, 192, 500, 4096, 10000, 1 << 17};

START_TEST(par_32_zeroing)
{
	size_t size = zero_sizes[_i];
	unsigned char *p[3];

	dirty(size);
	p[0] = kzalloc(size, GFP_KERNEL);
	p[1] = kcalloc(1, size, GFP_ATOMIC);
	p[2] = kvzalloc(size, GFP_KERNEL);
	for (int i = 0; i < 3; i++) {
		ck_assert_ptr_nonnull(p[i]);
		ck_assert_uint_eq(same_bytes(p[i], size, 0), size);
		kvfree(p[i]);
	}
}
END_TEST

static const struct {
	size_t n, size;
} overflows[] = {
	{SIZE_MAX, 2},        {2, SIZE_MAX},           {SIZE_MAX / 2 + 1, 2}, {(size_t)1 << 32, (size_t)1 << 32},
	{SIZE_MAX, SIZE_MAX}, {SIZE_MAX / 16 + 2, 16},
};

START_TEST(par_32_array_overflow_gives_null)
{
	errno = 0;
	ck_assert_ptr_null(kmalloc_array(overflows[_i].n, overflows[_i].size, GFP_KERNEL | __GFP_NOWARN));
	ck_assert_int_eq(errno, ENOMEM);
	errno = 0;
	ck_assert_ptr_null(kcalloc(overflows[_i].n, overflows[_i].size, GFP_KERNEL | __GFP_NOWARN));
	ck_assert_int_eq(errno, ENOMEM);
}
END_TEST

START_TEST(par_32_arrays)
{
	unsigned int *p = kmalloc_array(1000, sizeof(*p), GFP_KERNEL);

	ck_assert_uint_ge(ksize(p), 4000);
	for (unsigned int i = 0; i < 1000; i++)
		p[i] = i;
	ck_assert_uint_eq(p[999], 999);
	kfree(p);
	p = kcalloc(1000, sizeof(*p), GFP_KERNEL);
	ck_assert_uint_eq(same_bytes(p, 4000, 0), 4000);
	kfree(p);
}
END_TEST

static unsigned char pattern(size_t k)
{
	return (unsigned char)(k * 31 + (k >> 8) * 7);
}

static void keeps(const unsigned char *p, size_t bytes)
{
	size_t k = 0;

	while (k < bytes && p[k] == pattern(k))
		k++;
	ck_assert_uint_eq(k, bytes);
}

START_TEST(par_32_krealloc_keeps_the_contents)
{
	static const size_t steps[] = {1,    7,    8,     9,      31,      33,    100,  4095,
				       4096, 4097, 20000, 300000, 1 << 20, 70000, 5000, KMALLOC_MAX_SIZE,
				       64,   3};
	unsigned char *p = NULL;
	size_t before = 0;

	for (int i = 0; i < LENGTH(steps); i++) {
		p = krealloc(p, steps[i], GFP_KERNEL);
		ck_assert_ptr_nonnull(p);
		ck_assert_uint_ge(ksize(p), steps[i]);
		keeps(p, before < steps[i] ? before : steps[i]);
		for (size_t k = 0; k < steps[i]; k++)
			p[k] = pattern(k);
		before = steps[i];
	}
	kfree(p);
}
END_TEST

START_TEST(par_32_krealloc_failing_leaves_the_memory)
{
	unsigned char *p = kmalloc(200, GFP_KERNEL);

	for (size_t k = 0; k < 200; k++)
		p[k] = pattern(k);
	errno = 0;
	ck_assert_ptr_null(krealloc(p, KMALLOC_MAX_SIZE + 1, GFP_KERNEL | __GFP_NOWARN));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_ptr_null(krealloc(p, SIZE_MAX, GFP_KERNEL | __GFP_NOWARN));
	keeps(p, 200);
	kfree(p);
}
END_TEST

START_TEST(par_32_krealloc_zeroes_what_is_added)
{
	unsigned char *p = kmalloc(64, GFP_KERNEL);
	size_t usable = ksize(p);

	dirty(4096);
	memset(p, 0x77, usable);
	p = krealloc(p, 4096, GFP_KERNEL | __GFP_ZERO);
	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(same_bytes(p, usable, 0x77), usable);
	ck_assert_uint_eq(same_bytes(p + usable, 4096 - usable, 0), 4096 - usable);
	kfree(p);
}
END_TEST

static const size_t impossible[] = {KMALLOC_MAX_SIZE + 1, (size_t)1 << 40, SIZE_MAX - 4096, SIZE_MAX};

START_TEST(par_32_impossible_sizes)
{
	errno = 0;
	ck_assert_ptr_null(kmalloc(impossible[_i], GFP_KERNEL | __GFP_NOWARN));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_int_eq(reports_pending(), 0);
	ck_assert_ptr_null(kmalloc(impossible[_i], GFP_KERNEL));
	expect_report(MEMPOOL_REPORT_WARNING, "");
	ck_assert_ptr_null(kmalloc(impossible[_i], GFP_ATOMIC));
	ck_assert_ptr_null(kzalloc(impossible[_i], GFP_KERNEL));
	ck_assert_int_eq(reports_pending(), 0);
}
END_TEST

START_TEST(par_32_kfree_of_a_foreign_address_is_reported)
{
	char on_stack[64];
	void *from_heap = malloc(64);
	char *small = kmalloc(64, GFP_KERNEL);
	char *large = kmalloc(100000, GFP_KERNEL);
	void *foreign[] = {on_stack, from_heap, &_i, large + 16, large + 4096, (void *)4096};

	for (int i = 0; i < LENGTH(foreign); i++) {
		const char *text;

		kfree(foreign[i]);
		text = expect_report(MEMPOOL_REPORT_BUG, "kfree");
		ck_assert_msg(has_address(text, foreign[i]), "%p in: %s", foreign[i], text);
		ck_assert(has_own_code_address(text));
		ck_assert_int_eq(reports_pending(), 0);
	}
	memset(small, 1, 64);
	memset(large, 1, 100000);
	kfree(small);
	kfree(large);
	free(from_heap);
}
END_TEST

START_TEST(par_32_unknown_mask_bits_are_reported_once)
{
	for (int i = 0; i < 3; i++) {
		void *p = kmalloc(64, GFP_KERNEL | (gfp_t)0x20000000u);

		ck_assert_ptr_nonnull(p);
		kfree(p);
	}
	expect_report(MEMPOOL_REPORT_WARNING, "20000000");
}
END_TEST

START_TEST(par_32_kvmalloc_of_64_mib)
{
	size_t bytes = 64u << 20;
	unsigned char *p = kvmalloc(bytes, GFP_KERNEL);

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq((uintptr_t)p % 16, 0);
	for (size_t k = 0; k < bytes; k += PAGE_SIZE)
		p[k] = pattern(k);
	p[bytes - 1] = 1;
	for (size_t k = 0; k < bytes; k += PAGE_SIZE)
		if (p[k] != pattern(k))
			ck_abort_msg("byte %zu", k);
	kvfree(p);
}
END_TEST

START_TEST(par_32_kvmalloc_sizes)
{
	static const size_t sizes[] = {1,
				       100,
				       4096,
				       1 << 16,
				       KMALLOC_MAX_SIZE,
				       KMALLOC_MAX_SIZE + 1,
				       KMALLOC_MAX_SIZE + 5000,
				       3 * KMALLOC_MAX_SIZE + 1};
	unsigned char *p[LENGTH(sizes)];

	for (int i = 0; i < LENGTH(sizes); i++) {
		p[i] = kvmalloc(sizes[i], GFP_KERNEL);
		ck_assert_ptr_nonnull(p[i]);
		p[i][0] = (unsigned char)i;
		p[i][sizes[i] - 1] = (unsigned char)i;
	}
	for (int i = 0; i < LENGTH(sizes); i++) {
		ck_assert_uint_eq(p[i][0], i);
		ck_assert_uint_eq(p[i][sizes[i] - 1], i);
		kvfree(p[i]);
	}
	kvfree(kmalloc(100, GFP_KERNEL));
	p[0] = kvzalloc(9u << 20, GFP_KERNEL);
	ck_assert_uint_eq(same_bytes(p[0], 9u << 20, 0), 9u << 20);
	kvfree(p[0]);
}
END_TEST

START_TEST(par_32_kvmalloc_impossible)
{
	static const size_t huge[] = {SIZE_MAX, SIZE_MAX - PAGE_SIZE, (size_t)1 << 62};

	errno = 0;
	ck_assert_ptr_null(kvmalloc(huge[_i], GFP_KERNEL | __GFP_NOWARN));
	ck_assert_int_eq(errno, ENOMEM);
}
END_TEST

START_TEST(par_32_kvfree_of_a_foreign_address_is_reported)
{
	char on_stack[64];
	unsigned char *p = kvmalloc(8u << 20, GFP_KERNEL);

	kvfree(on_stack);
	expect_report(MEMPOOL_REPORT_BUG, "");
	kvfree(p + 4096);
	expect_report(MEMPOOL_REPORT_BUG, "");
	memset(p, 1, 8u << 20);
	kvfree(p);
}
END_TEST

TCase *kmalloc_tests(void)
{
	TCase *tc = new_case("kmalloc");

	tcase_add_test(tc, par_32_every_small_size_is_aligned_and_usable);
	tcase_add_test(tc, par_32_powers_of_two_up_to_the_largest);
	tcase_add_test(tc, par_32_many_live_blocks_do_not_overlap);
	tcase_add_test(tc, par_32_zero_size);
	tcase_add_loop_test(tc, par_32_zeroing, 0, LENGTH(zero_sizes));
	tcase_add_loop_test(tc, par_32_array_overflow_gives_null, 0, LENGTH(overflows));
	tcase_add_test(tc, par_32_arrays);
	tcase_add_test(tc, par_32_krealloc_keeps_the_contents);
	tcase_add_test(tc, par_32_krealloc_failing_leaves_the_memory);
	tcase_add_test(tc, par_32_krealloc_zeroes_what_is_added);
	tcase_add_loop_test(tc, par_32_impossible_sizes, 0, LENGTH(impossible));
	tcase_add_test(tc, par_32_kfree_of_a_foreign_address_is_reported);
	tcase_add_test(tc, par_32_unknown_mask_bits_are_reported_once);
	tcase_add_test(tc, par_32_kvmalloc_of_64_mib);
	tcase_add_test(tc, par_32_kvmalloc_sizes);
	tcase_add_loop_test(tc, par_32_kvmalloc_impossible, 0, 3);
	tcase_add_test(tc, par_32_kvfree_of_a_foreign_address_is_reported);
	return tc;
}
