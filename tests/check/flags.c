// SPDX-License-Identifier: MIT
/* flags.c - the masks and the scopes that strip them (PAR-33, PAR-34). */
#include "scripted.h"

static mempool_t pool;

START_TEST(par_33_combinations)
{
	ck_assert_uint_eq(__GFP_RECLAIM, __GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM);
	ck_assert_uint_eq(GFP_KERNEL, __GFP_RECLAIM | __GFP_IO | __GFP_FS);
	ck_assert_uint_eq(GFP_NOIO, __GFP_RECLAIM);
	ck_assert_uint_eq(GFP_NOFS, __GFP_RECLAIM | __GFP_IO);
	ck_assert_uint_eq(GFP_NOWAIT, __GFP_KSWAPD_RECLAIM | __GFP_NOWARN);
	ck_assert_uint_eq(GFP_ATOMIC, __GFP_HIGH | __GFP_KSWAPD_RECLAIM);
	ck_assert_uint_eq(GFP_KERNEL_ACCOUNT, GFP_KERNEL | __GFP_ACCOUNT);
}
END_TEST

START_TEST(par_33_each_flag_has_its_own_bit)
{
	static const gfp_t flags[] = {
		__GFP_HIGH,   __GFP_IO,      __GFP_FS,      __GFP_DIRECT_RECLAIM, __GFP_KSWAPD_RECLAIM,
		__GFP_NOWARN, __GFP_NOFAIL,  __GFP_NORETRY, __GFP_RETRY_MAYFAIL,  __GFP_NOMEMALLOC,
		__GFP_ZERO,   __GFP_ACCOUNT, __GFP_COMP,
	};
	gfp_t all = 0;

	for (int i = 0; i < LENGTH(flags); i++) {
		ck_assert_uint_ne(flags[i], 0);
		ck_assert_uint_eq(flags[i] & (flags[i] - 1), 0);
		ck_assert_uint_eq(all & flags[i], 0);
		all |= flags[i];
	}
	ck_assert_uint_eq(all, __GFP_BITS_MASK);
}
END_TEST

START_TEST(par_33_allow_blocking)
{
	ck_assert(gfpflags_allow_blocking(GFP_KERNEL));
	ck_assert(gfpflags_allow_blocking(GFP_NOFS));
	ck_assert(gfpflags_allow_blocking(GFP_NOIO));
	ck_assert(!gfpflags_allow_blocking(GFP_ATOMIC));
	ck_assert(!gfpflags_allow_blocking(GFP_NOWAIT));
	ck_assert(!gfpflags_allow_blocking(0));
}
END_TEST

START_TEST(par_34_no_scope_changes_nothing)
{
	ck_assert_uint_eq(current_gfp_context(GFP_KERNEL), GFP_KERNEL);
	ck_assert_uint_eq(current_gfp_context(GFP_ATOMIC), GFP_ATOMIC);
	ck_assert_uint_eq(current_gfp_context(0), 0);
}
END_TEST

START_TEST(par_34_noio_strips_io_and_fs)
{
	unsigned int flags = memalloc_noio_save();

	ck_assert_uint_eq(current_gfp_context(GFP_KERNEL), GFP_NOIO);
	ck_assert_uint_eq(current_gfp_context(GFP_NOFS), GFP_NOIO);
	ck_assert_uint_eq(current_gfp_context(GFP_ATOMIC | __GFP_IO), GFP_ATOMIC);
	ck_assert_uint_eq(current_gfp_context(GFP_KERNEL | __GFP_ZERO), GFP_NOIO | __GFP_ZERO);
	memalloc_noio_restore(flags);
	ck_assert_uint_eq(current_gfp_context(GFP_KERNEL), GFP_KERNEL);
}
END_TEST

START_TEST(par_34_nofs_strips_fs)
{
	unsigned int flags = memalloc_nofs_save();

	ck_assert_uint_eq(current_gfp_context(GFP_KERNEL), GFP_NOFS);
	ck_assert_uint_eq(current_gfp_context(GFP_NOIO), GFP_NOIO);
	memalloc_nofs_restore(flags);
	ck_assert_uint_eq(current_gfp_context(GFP_KERNEL), GFP_KERNEL);
}
END_TEST

START_TEST(par_34_scopes_nest)
{
	unsigned int nofs = memalloc_nofs_save();
	unsigned int noio = memalloc_noio_save();
	unsigned int noio_again = memalloc_noio_save();

	ck_assert_uint_eq(current_gfp_context(GFP_KERNEL), GFP_NOIO);
	memalloc_noio_restore(noio_again);
	ck_assert_uint_eq(current_gfp_context(GFP_KERNEL), GFP_NOIO);
	memalloc_noio_restore(noio);
	ck_assert_uint_eq(current_gfp_context(GFP_KERNEL), GFP_NOFS);
	memalloc_nofs_restore(nofs);
	ck_assert_uint_eq(current_gfp_context(GFP_KERNEL), GFP_KERNEL);

	/* The other way round. */
	noio = memalloc_noio_save();
	nofs = memalloc_nofs_save();
	ck_assert_uint_eq(current_gfp_context(GFP_KERNEL), GFP_NOIO);
	memalloc_nofs_restore(nofs);
	ck_assert_uint_eq(current_gfp_context(GFP_KERNEL), GFP_NOIO);
	memalloc_noio_restore(noio);
	ck_assert_uint_eq(current_gfp_context(GFP_KERNEL), GFP_KERNEL);
}
END_TEST

static void look_at_the_context(void *arg)
{
	*(gfp_t *)arg = current_gfp_context(GFP_KERNEL);
}

START_TEST(par_34_scopes_are_per_thread)
{
	struct worker w;
	gfp_t seen = 0;
	unsigned int flags = memalloc_noio_save();

	worker_start(&w, look_at_the_context, &seen);
	worker_join(&w);
	memalloc_noio_restore(flags);
	ck_assert_uint_eq(seen, GFP_KERNEL);
}
END_TEST

START_TEST(par_34_own_alloc_fn_sees_the_callers_mask)
{
	unsigned int flags = memalloc_noio_save();
	void *taken[2];
	void *element;

	scripted_pool(&pool, &bk, 1);
	scripted_drain(&pool, &bk, taken);
	scripted_set(&bk, "-a", true);
	element = mempool_alloc(&pool, GFP_KERNEL);
	ck_assert_uint_eq(bk.masks[0], FIRST_MASK(GFP_KERNEL));
	ck_assert_uint_eq(bk.masks[1], FULL_MASK(GFP_KERNEL));
	memalloc_noio_restore(flags);
	mempool_free(element, &pool);
	mempool_free(taken[0], &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_34_creation_mask_is_not_stripped_for_own_alloc_fn)
{
	unsigned int flags = memalloc_nofs_save();

	ck_assert_int_eq(mempool_init(&pool, 1, scripted_alloc, scripted_free, &bk), 0);
	memalloc_nofs_restore(flags);
	ck_assert_uint_eq(bk.masks[0], GFP_KERNEL);
	scripted_exit(&pool, &bk);
}
END_TEST

TCase *flags_tests(void)
{
	TCase *tc = new_case("flags");

	tcase_add_test(tc, par_33_combinations);
	tcase_add_test(tc, par_33_each_flag_has_its_own_bit);
	tcase_add_test(tc, par_33_allow_blocking);
	tcase_add_test(tc, par_34_no_scope_changes_nothing);
	tcase_add_test(tc, par_34_noio_strips_io_and_fs);
	tcase_add_test(tc, par_34_nofs_strips_fs);
	tcase_add_test(tc, par_34_scopes_nest);
	tcase_add_test(tc, par_34_scopes_are_per_thread);
	tcase_add_test(tc, par_34_own_alloc_fn_sees_the_callers_mask);
	tcase_add_test(tc, par_34_creation_mask_is_not_stripped_for_own_alloc_fn);
	return tc;
}
