// SPDX-License-Identifier: MIT
/* alloc.c - single allocations that do not sleep: masks, passes, order (PAR-8 to PAR-11, PAR-13, PAR-14, PAR-16,
 * PAR-19). */
#include "scripted.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static mempool_t pool;

static const gfp_t masks[] = {
	0,
	GFP_KERNEL,
	GFP_NOFS,
	GFP_NOIO,
	GFP_ATOMIC,
	GFP_NOWAIT,
	GFP_ATOMIC | __GFP_IO,
	__GFP_DIRECT_RECLAIM,
	__GFP_FS,
	GFP_KERNEL | __GFP_RETRY_MAYFAIL,
	GFP_KERNEL | __GFP_NOWARN,
	GFP_KERNEL_ACCOUNT | __GFP_COMP,
};

START_TEST(par_8_9_first_pass_mask)
{
	void *element;

	scripted_pool(&pool, &bk, 1);
	element = mempool_alloc(&pool, masks[_i]);
	ck_assert_ptr_eq(element, bk.slots[1]);
	ck_assert_int_eq(bk.calls, 1);
	ck_assert_uint_eq(bk.masks[0], FIRST_MASK(masks[_i]));
	mempool_free(element, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_8_9_first_pass_mask_spelt_out)
{
	void *element;

	scripted_pool(&pool, &bk, 1);
	element = mempool_alloc(&pool, GFP_KERNEL);
	ck_assert(bk.masks[0] & __GFP_NOMEMALLOC);
	ck_assert(bk.masks[0] & __GFP_NORETRY);
	ck_assert(bk.masks[0] & __GFP_NOWARN);
	ck_assert(bk.masks[0] & __GFP_KSWAPD_RECLAIM);
	ck_assert(bk.masks[0] & __GFP_FS);
	ck_assert(!(bk.masks[0] & __GFP_DIRECT_RECLAIM));
	ck_assert(!(bk.masks[0] & __GFP_IO));
	mempool_free(element, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_9_a_refused_first_pass_goes_to_the_reserve)
{
	void *element;

	/* The reserve has something, so there is no second, reclaiming pass. */
	scripted_pool(&pool, &bk, 2);
	scripted_set(&bk, NULL, true);
	element = mempool_alloc(&pool, GFP_KERNEL);
	ck_assert_ptr_eq(element, bk.slots[1]);
	ck_assert_int_eq(bk.calls, 1);
	ck_assert_uint_eq(bk.masks[0], FIRST_MASK(GFP_KERNEL));
	mempool_free(element, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_10_backing_first)
{
	void *element[3];

	scripted_pool(&pool, &bk, 3);
	for (int i = 0; i < 3; i++) {
		element[i] = mempool_alloc(&pool, GFP_KERNEL);
		ck_assert_ptr_eq(element[i], bk.slots[3 + i]);
		ck_assert_int_eq(mempool_curr_nr(&pool), 3);
	}
	for (int i = 0; i < 3; i++)
		mempool_free(element[i], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_10_backing_first_then_reserve_lifo)
{
	void *element[5];

	scripted_pool(&pool, &bk, 4);
	scripted_set(&bk, "a", true);
	for (int i = 0; i < 5; i++) {
		element[i] = mempool_alloc(&pool, GFP_KERNEL);
		ck_assert_ptr_eq(element[i], bk.slots[i == 0 ? 4 : 4 - i]);
		ck_assert_int_eq(bk.calls, i + 1);
		ck_assert_int_eq(mempool_curr_nr(&pool), 4 - i);
	}
	for (int i = 0; i < 5; i++)
		mempool_free(element[i], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_10_freed_elements_come_back_newest_first)
{
	void *element[4];

	scripted_pool(&pool, &bk, 4);
	ck_assert_int_eq(scripted_drain(&pool, &bk, (void *[5]){0}), 4);
	mempool_free(bk.slots[2], &pool);
	mempool_free(bk.slots[0], &pool);
	mempool_free(bk.slots[3], &pool);
	mempool_free(bk.slots[1], &pool);
	for (int i = 0; i < 4; i++)
		element[i] = mempool_alloc(&pool, GFP_ATOMIC);
	ck_assert_ptr_eq(element[0], bk.slots[1]);
	ck_assert_ptr_eq(element[1], bk.slots[3]);
	ck_assert_ptr_eq(element[2], bk.slots[0]);
	ck_assert_ptr_eq(element[3], bk.slots[2]);
	for (int i = 0; i < 4; i++)
		mempool_free(element[i], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

static const gfp_t reclaiming[] = {GFP_KERNEL, GFP_NOFS, GFP_NOIO, __GFP_DIRECT_RECLAIM};

START_TEST(par_11_second_pass_has_the_full_mask)
{
	void *taken[2];
	void *element;

	scripted_pool(&pool, &bk, 1);
	scripted_drain(&pool, &bk, taken);
	scripted_set(&bk, "-a", true);
	element = mempool_alloc(&pool, reclaiming[_i]);
	ck_assert_ptr_eq(element, bk.slots[1]);
	ck_assert_int_eq(bk.calls, 2);
	ck_assert_uint_eq(bk.masks[0], FIRST_MASK(reclaiming[_i]));
	ck_assert_uint_eq(bk.masks[1], FULL_MASK(reclaiming[_i]));
	ck_assert_uint_eq(stats_of(&pool).sleeps, 0);
	mempool_free(element, &pool);
	mempool_free(taken[0], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

static void refill_in_second_pass(struct scripted *b, gfp_t mask)
{
	if (mask & __GFP_DIRECT_RECLAIM)
		mempool_free(b->slots[0], b->pool);
}

START_TEST(par_11_second_pass_looks_at_the_reserve_too)
{
	void *taken[2];
	void *element;

	/* The element comes home while the backing reclaims, and refuses all the same. */
	scripted_pool(&pool, &bk, 1);
	scripted_drain(&pool, &bk, taken);
	bk.on_alloc = refill_in_second_pass;
	element = mempool_alloc(&pool, GFP_KERNEL);
	bk.on_alloc = NULL;
	ck_assert_ptr_eq(element, bk.slots[0]);
	ck_assert_int_eq(bk.calls, 2);
	ck_assert_uint_eq(stats_of(&pool).sleeps, 0);
	ck_assert_uint_eq(stats_of(&pool).from_reserve, 2);
	mempool_free(element, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

/* Masks that cannot sleep, and how many passes they get: two when the first pass stripped __GFP_IO. */
static const struct {
	gfp_t mask;
	int passes;
} not_sleeping[] = {
	{GFP_ATOMIC, 1},
	{GFP_NOWAIT, 1},
	{0, 1},
	{__GFP_HIGH | __GFP_FS, 1},
	{__GFP_KSWAPD_RECLAIM, 1},
	{__GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN, 1},
	{GFP_ATOMIC | __GFP_IO, 2},
	{GFP_NOWAIT | __GFP_IO | __GFP_FS, 2},
	{__GFP_IO, 2},
};

START_TEST(par_11_13_passes_without_direct_reclaim)
{
	gfp_t mask = not_sleeping[_i].mask;
	void *taken[2];
	struct mempool_statistics st;

	scripted_pool(&pool, &bk, 1);
	scripted_drain(&pool, &bk, taken);
	errno = 0;
	ck_assert_ptr_null(mempool_alloc(&pool, mask));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_int_eq(bk.calls, not_sleeping[_i].passes);
	ck_assert_uint_eq(bk.masks[0], FIRST_MASK(mask));
	if (not_sleeping[_i].passes == 2)
		ck_assert_uint_eq(bk.masks[1], FULL_MASK(mask));
	st = stats_of(&pool);
	ck_assert_uint_eq(st.sleeps, 0);
	ck_assert_uint_eq(st.failures, 2); /* this one, and the NULL that ended the draining */
	ck_assert_uint_eq(st.backing_failures, (uint64_t)not_sleeping[_i].passes);
	mempool_free(taken[0], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_13_atomic_takes_what_there_is)
{
	void *element[4];

	scripted_pool(&pool, &bk, 2);
	scripted_set(&bk, "a-", true);
	element[0] = mempool_alloc(&pool, GFP_ATOMIC);
	element[1] = mempool_alloc(&pool, GFP_NOWAIT);
	element[2] = mempool_alloc(&pool, GFP_ATOMIC);
	element[3] = mempool_alloc(&pool, GFP_NOWAIT);
	ck_assert_ptr_eq(element[0], bk.slots[2]);
	ck_assert_ptr_eq(element[1], bk.slots[1]);
	ck_assert_ptr_eq(element[2], bk.slots[0]);
	ck_assert_ptr_null(element[3]);
	for (int i = 0; i < 3; i++)
		mempool_free(element[i], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_14_zero_warns_once_for_all_pools)
{
	void *element[4];
	mempool_t other;

	scripted_pool(&other, &bk, 1);
	scripted_pool(&pool, &bk, 1);
	element[0] = mempool_alloc(&pool, GFP_KERNEL | __GFP_ZERO);
	expect_report(MEMPOOL_REPORT_WARNING, "__GFP_ZERO");
	element[1] = mempool_alloc(&pool, GFP_ATOMIC | __GFP_ZERO);
	element[2] = mempool_alloc(&other, GFP_KERNEL | __GFP_ZERO);
	element[3] = mempool_alloc_timeout(&other, GFP_KERNEL | __GFP_ZERO, 1);
	ck_assert_int_eq(reports_pending(), 0);
	/* The warning is all: the mask goes down as any other. */
	ck_assert_uint_eq(bk.masks[0], FIRST_MASK(GFP_KERNEL | __GFP_ZERO));
	for (int i = 0; i < 4; i++) {
		ck_assert_ptr_nonnull(element[i]);
		mempool_free(element[i], i < 2 ? &pool : &other);
	}
	mempool_exit(&other);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_16_preallocated_takes_the_reserve_only)
{
	void *element[4];

	scripted_pool(&pool, &bk, 3);
	for (int i = 0; i < 3; i++) {
		element[i] = mempool_alloc_preallocated(&pool);
		ck_assert_ptr_eq(element[i], bk.slots[2 - i]);
	}
	errno = 0;
	ck_assert_ptr_null(mempool_alloc_preallocated(&pool));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_int_eq(bk.calls, 0);
	ck_assert_uint_eq(stats_of(&pool).sleeps, 0);
	for (int i = 0; i < 3; i++)
		mempool_free(element[i], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_16_preallocated_where_sleeping_is_forbidden)
{
	void *element;

	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_SLEEP), 0);
	scripted_pool(&pool, &bk, 1);
	non_block_start();
	element = mempool_alloc_preallocated(&pool);
	ck_assert_ptr_nonnull(element);
	ck_assert_ptr_null(mempool_alloc_preallocated(&pool));
	non_block_end();
	mempool_free(element, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_19_a_refusing_backing_prints_nothing)
{
	void *taken[3];

	scripted_pool(&pool, &bk, 2);
	scripted_drain(&pool, &bk, taken);
	for (int i = 0; i < 10; i++) {
		ck_assert_ptr_null(mempool_alloc(&pool, GFP_ATOMIC));
		ck_assert_ptr_null(mempool_alloc(&pool, 0));
		ck_assert_ptr_null(mempool_alloc_timeout(&pool, GFP_KERNEL, 0));
	}
	ck_assert_uint_eq(mempool_report_count(), 0);
	scripted_set(&bk, "-", true);
	mempool_t failing;
	memset(&failing, 0, sizeof(failing));
	ck_assert_int_eq(mempool_init(&failing, 1, scripted_alloc, scripted_free, &bk), -ENOMEM);
	ck_assert_uint_eq(mempool_report_count(), 0);
	mempool_free(taken[0], &pool);
	mempool_free(taken[1], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(unknown_mask_bits_are_reported_once_and_ignored)
{
	gfp_t bit = ~__GFP_BITS_MASK & (gfp_t)0x40000000u;
	void *element;

	ck_assert_uint_ne(bit, 0);
	scripted_pool(&pool, &bk, 1);
	for (int i = 0; i < 3; i++) {
		element = mempool_alloc(&pool, GFP_KERNEL | bit);
		ck_assert_ptr_nonnull(element);
		ck_assert_uint_eq(bk.masks[i], FIRST_MASK(GFP_KERNEL));
		mempool_free(element, &pool);
	}
	expect_report(MEMPOOL_REPORT_WARNING, "40000000");
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(alloc_on_a_zeroed_pool_aborts)
{
	mempool_alloc(&pool, GFP_KERNEL);
}
END_TEST

static int alloc_zeroed(void *unused)
{
	(void)unused;
	mempool_set_report_fn(NULL, NULL);
	mempool_alloc(&pool, GFP_ATOMIC);
	return 0;
}

START_TEST(alloc_on_a_zeroed_pool_says_why)
{
	static struct child_result r;

	child_run(&r, alloc_zeroed, NULL);
	ck_assert_killed(&r, SIGABRT);
	ck_assert_ptr_nonnull(strstr(r.output, "mempool: FATAL: "));
}
END_TEST

TCase *alloc_tests(void)
{
	TCase *tc = new_case("alloc");

	tcase_add_loop_test(tc, par_8_9_first_pass_mask, 0, LENGTH(masks));
	tcase_add_test(tc, par_8_9_first_pass_mask_spelt_out);
	tcase_add_test(tc, par_9_a_refused_first_pass_goes_to_the_reserve);
	tcase_add_test(tc, par_10_backing_first);
	tcase_add_test(tc, par_10_backing_first_then_reserve_lifo);
	tcase_add_test(tc, par_10_freed_elements_come_back_newest_first);
	tcase_add_loop_test(tc, par_11_second_pass_has_the_full_mask, 0, LENGTH(reclaiming));
	tcase_add_test(tc, par_11_second_pass_looks_at_the_reserve_too);
	tcase_add_loop_test(tc, par_11_13_passes_without_direct_reclaim, 0, LENGTH(not_sleeping));
	tcase_add_test(tc, par_13_atomic_takes_what_there_is);
	tcase_add_test(tc, par_14_zero_warns_once_for_all_pools);
	tcase_add_test(tc, par_16_preallocated_takes_the_reserve_only);
	tcase_add_test(tc, par_16_preallocated_where_sleeping_is_forbidden);
	tcase_add_test(tc, par_19_a_refusing_backing_prints_nothing);
	tcase_add_test(tc, unknown_mask_bits_are_reported_once_and_ignored);
	tcase_add_test_raise_signal(tc, alloc_on_a_zeroed_pool_aborts, SIGABRT);
	tcase_add_test(tc, alloc_on_a_zeroed_pool_says_why);
	return tc;
}
