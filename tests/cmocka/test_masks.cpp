// SPDX-License-Identifier: MIT
//
// test_masks.cpp - the mask of each pass, for every mask a caller may have
// (PAR-8, 9, 11, 13, 33), against a table that was written from PARITY.md alone.
#include "support.hpp"

#include "mempool/core/masks.hpp"
#include "mempool/mempool.h"

#include <bit>
#include <cerrno>
#include <vector>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::test;

namespace {

/// What becomes of a bit in the two passes: as the caller has it, set, or gone.
enum fate { kept, set, gone };

struct bit_row {
	gfp_t bit;
	const char *name;
	fate first;
	fate second;
};

constexpr bit_row table[] = {
	{__GFP_HIGH, "HIGH", kept, kept},
	{__GFP_IO, "IO", gone, kept},
	{__GFP_FS, "FS", kept, kept},
	{__GFP_DIRECT_RECLAIM, "DIRECT_RECLAIM", gone, kept},
	{__GFP_KSWAPD_RECLAIM, "KSWAPD_RECLAIM", kept, kept},
	{__GFP_NOWARN, "NOWARN", set, set},
	{__GFP_RETRY_MAYFAIL, "RETRY_MAYFAIL", kept, kept},
	{__GFP_NOFAIL, "NOFAIL", kept, kept},
	{__GFP_NORETRY, "NORETRY", set, set},
	{__GFP_NOMEMALLOC, "NOMEMALLOC", set, set},
	{__GFP_ZERO, "ZERO", kept, kept},
	{__GFP_ACCOUNT, "ACCOUNT", kept, kept},
	{__GFP_COMP, "COMP", kept, kept},
};

gfp_t apply(gfp_t callers, fate bit_row::*pass)
{
	gfp_t mask = 0;
	for (const bit_row &row : table)
		if (row.*pass == set || (row.*pass == kept && (callers & row.bit) != 0))
			mask |= row.bit;
	return mask;
}

void every_flag_is_a_bit_of_its_own(void **)
{
	gfp_t all = 0;
	for (const bit_row &row : table) {
		if (!std::has_single_bit(row.bit) || (all & row.bit) != 0)
			fail_msg("%s is %#x, others are %#x", row.name, row.bit, all);
		all |= row.bit;
	}
	assert_int_equal(all, __GFP_BITS_MASK);
}

void combinations_are_the_kernels(void **)
{
	assert_int_equal(__GFP_RECLAIM, __GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM);
	assert_int_equal(GFP_KERNEL, __GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM | __GFP_IO | __GFP_FS);
	assert_int_equal(GFP_NOIO, __GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM);
	assert_int_equal(GFP_NOFS, __GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM | __GFP_IO);
	assert_int_equal(GFP_NOWAIT, __GFP_KSWAPD_RECLAIM | __GFP_NOWARN);
	assert_int_equal(GFP_ATOMIC, __GFP_HIGH | __GFP_KSWAPD_RECLAIM);
	assert_int_equal(GFP_KERNEL_ACCOUNT, GFP_KERNEL | __GFP_ACCOUNT);
}

void each_pass_has_its_mask(void **)
{
	for (gfp_t callers = 0; callers <= __GFP_BITS_MASK; callers++) {
		const gfp_t full = core::full_mask(callers);
		const gfp_t first = core::first_mask(full);
		if (full != apply(callers, &bit_row::second) || first != apply(callers, &bit_row::first))
			fail_msg("mask %#x: first pass %#x, second %#x", callers, first, full);
		assert_int_equal(core::has_second_pass(full), (callers & (__GFP_IO | __GFP_DIRECT_RECLAIM)) != 0);
		assert_int_equal(gfpflags_allow_blocking(callers), (callers & __GFP_DIRECT_RECLAIM) != 0);
	}
}

/// A backing that has nothing, once the pool is made, and keeps the masks.
struct dry_backing {
	std::vector<gfp_t> masks;
	bool dry = false;
	char element = 0;

	static void *alloc(gfp_t gfp_mask, void *self)
	{
		auto *b = static_cast<dry_backing *>(self);
		b->masks.push_back(gfp_mask);
		return b->dry ? nullptr : &b->element;
	}
	static void free(void *, void *) {}
};

/// The masks that one allocation must show, when backing and reserve have nothing.
std::vector<gfp_t> expected_masks(gfp_t callers)
{
	const gfp_t first = apply(callers, &bit_row::first);
	const gfp_t second = apply(callers, &bit_row::second);
	return first == second ? std::vector<gfp_t>{first} : std::vector<gfp_t>{first, second};
}

void a_pool_shows_these_masks_to_its_backing(void **)
{
	catch_reports(); // of __GFP_ZERO, once
	dry_backing b;
	mempool_t pool = {};
	assert_int_equal(mempool_init(&pool, 1, dry_backing::alloc, dry_backing::free, &b), 0);
	b.dry = true;
	assert_ptr_equal(mempool_alloc(&pool, GFP_NOWAIT), &b.element); // and now the reserve is empty
	for (gfp_t callers = 0; callers <= __GFP_BITS_MASK; callers++) {
		const bool may_sleep = (callers & __GFP_DIRECT_RECLAIM) != 0;
		b.masks.clear();
		errno = 0;
		assert_null(mempool_alloc_timeout(&pool, callers, 0));
		assert_int_equal(errno, may_sleep ? ETIMEDOUT : ENOMEM);
		if (b.masks != expected_masks(callers))
			fail_msg("mask %#x: %zu passes, the first with %#x", callers, b.masks.size(), b.masks[0]);
		if (may_sleep)
			continue;
		b.masks.clear();
		assert_null(mempool_alloc(&pool, callers)); // PAR-13
		assert_true(b.masks == expected_masks(callers));
	}
	mempool_free(&b.element, &pool);
	mempool_exit(&pool);
	assert_int_equal(reports_caught(), 1);
	assert_true(reported("__GFP_ZERO"));
}

void bits_without_a_name_reach_no_backing(void **)
{
	catch_reports();
	dry_backing b;
	mempool_t pool = {};
	assert_int_equal(mempool_init(&pool, 1, dry_backing::alloc, dry_backing::free, &b), 0);
	for (int i = 0; i < 2; i++) {
		b.masks.clear();
		mempool_free(mempool_alloc(&pool, GFP_ATOMIC | ~__GFP_BITS_MASK), &pool);
		assert_int_equal(b.masks[0], apply(GFP_ATOMIC, &bit_row::first));
	}
	mempool_exit(&pool);
	assert_int_equal(reports_caught(), 1);
	assert_true(reported("unknown bits"));
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(every_flag_is_a_bit_of_its_own),
		cmocka_unit_test(combinations_are_the_kernels),
		cmocka_unit_test(each_pass_has_its_mask),
		cmocka_unit_test(a_pool_shows_these_masks_to_its_backing),
		cmocka_unit_test(bits_without_a_name_reach_no_backing),
	};
	return cmocka_run_group_tests_name("masks", tests, nullptr, nullptr);
}
