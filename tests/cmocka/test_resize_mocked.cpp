// SPDX-License-Identifier: MIT
//
// test_resize_mocked.cpp - another size for a pool at work (PAR-26 to PAR-28),
// as the backing sees it: each call, each mask, in order.
// link: -Wl,--wrap=syscall
#include "mocked_pool.hpp"

#include <climits>

using namespace mp;
using namespace mp::test;

namespace {

// Elements are told apart by their order here, which growing keeps only in this one.
constexpr mempool_store kept_in = MEMPOOL_STORE_LOCKED;

void par_26_the_surplus_goes_newest_first_then_the_minimum_falls(void **)
{
	mocked_pool p(4, kept_in);
	int min_nr = 0;
	int level = 0;
	expect_frees({4, 3});
	meanwhile = [&] {
		meanwhile = [&] { // in the last of the two
			min_nr = p.pool.min_nr;
			level = mempool_curr_nr(&p.pool);
		};
	};
	assert_int_equal(mempool_resize(&p.pool, 2), 0);
	assert_int_equal(min_nr, 4); // until the surplus is gone the old promise stands
	assert_int_equal(level, 2);
	assert_int_equal(p.pool.min_nr, 2);
	expect_free(9);
	p.free(9);
	p.exit({2, 1});
}

void par_26_the_surplus_goes_outside_of_any_lock(void **)
{
	mocked_pool p(3, kept_in);
	expect_free(3);
	meanwhile = [&p] {
		p.free(9); // the old target stands, so this is surplus again
		assert_ptr_equal(mempool_alloc_preallocated(&p.pool), element(9));
	};
	assert_int_equal(mempool_resize(&p.pool, 2), 0);
	p.exit({2, 1});
}

void par_26_a_surplus_that_comes_meanwhile_goes_too(void **)
{
	mocked_pool p(3, kept_in);
	expect_frees({3, 9});
	meanwhile = [&p] { p.free(9); };
	assert_int_equal(mempool_resize(&p.pool, 2), 0);
	p.exit({2, 1});
}

void par_26_without_a_surplus_only_the_minimum_falls(void **)
{
	mocked_pool p(3, kept_in);
	p.drain();
	p.free(1);
	assert_int_equal(mempool_resize(&p.pool, 2), 0);
	assert_int_equal(p.pool.min_nr, 2);
	p.free(2);
	expect_free(3);
	p.free(3);
	p.exit({2, 1});
}

void par_26_a_bad_size_changes_nothing(void **)
{
	mocked_pool p(2, kept_in);
	int reported_now = 0;
	for (const int bad : {0, -1, INT_MIN, MEMPOOL_NR_MAX + 1}) {
		assert_int_equal(mempool_resize(&p.pool, bad), -EINVAL);
		assert_int_equal(reports_caught(), ++reported_now);
	}
	assert_true(reported("BUG: mempool_resize to -1"));
	assert_int_equal(p.pool.min_nr, 2);
	p.exit({2, 1});
}

void the_same_size_asks_nobody(void **)
{
	mocked_pool p(2, kept_in);
	assert_int_equal(mempool_resize(&p.pool, 2), 0);
	p.exit({2, 1});
}

void par_27_without_memory_nothing_changes(void **)
{
	mocked_pool p(2, kept_in);
	close_map_gate();
	const int error = mempool_resize(&p.pool, 5);
	open_map_gate();
	assert_int_equal(error, -ENOMEM);
	assert_int_equal(p.pool.min_nr, 2);
	assert_int_equal(mempool_curr_nr(&p.pool), 2);
	expect_free(9); // it is full as before
	p.free(9);
	assert_int_equal(reports_caught(), 0);
	p.exit({2, 1});
}

void par_27_growing_asks_with_the_mask_untouched(void **)
{
	mocked_pool p(2, kept_in);
	for (const int n : {10, 11, 12})
		expect_alloc(untouched, n);
	assert_int_equal(mempool_resize(&p.pool, 5), 0);
	assert_int_equal(p.pool.min_nr, 5);
	p.exit({12, 11, 10, 2, 1});
}

void par_27_what_is_out_is_asked_for_too(void **)
{
	mocked_pool p(2, kept_in);
	p.drain();
	for (const int n : {10, 11, 12})
		expect_alloc(untouched, n);
	assert_int_equal(mempool_resize(&p.pool, 3), 0);
	p.exit({12, 11, 10});
}

void par_27_a_dry_backing_is_no_failure(void **)
{
	mocked_pool p(2, kept_in);
	expect_alloc(untouched, 10);
	expect_alloc(untouched, 0);
	assert_int_equal(mempool_resize(&p.pool, 6), 0);
	assert_int_equal(p.pool.min_nr, 6);
	assert_int_equal(mempool_curr_nr(&p.pool), 3);
	assert_false(mempool_is_saturated(&p.pool));
	for (const int n : {11, 12, 13})
		p.free(n); // later frees fill the rest
	assert_true(mempool_is_saturated(&p.pool));
	expect_free(14);
	p.free(14);
	p.exit({13, 12, 11, 10, 2, 1});
}

void par_27_an_array_that_is_large_enough_is_kept(void **)
{
	mocked_pool p(4, kept_in);
	expect_frees({4, 3});
	assert_int_equal(mempool_resize(&p.pool, 2), 0);
	close_map_gate(); // it needs no memory for this:
	for (const int n : {10, 11})
		expect_alloc(untouched, n);
	const int error = mempool_resize(&p.pool, 4);
	open_map_gate();
	assert_int_equal(error, 0);
	p.exit({11, 10, 2, 1});
}

void par_27_what_frees_made_superfluous_goes_back(void **)
{
	mocked_pool p(1, kept_in);
	expect_alloc(untouched, 10);
	meanwhile = [&p] { p.free(11); }; // while the backing makes one, another comes home
	expect_free(10);
	assert_int_equal(mempool_resize(&p.pool, 2), 0);
	p.exit({11, 1});
}

/// The other store has slots to spare, and then wants memory for as many again.
void par_27_the_spread_store_needs_memory_now_and_then(void **)
{
	mocked_pool p(1);
	close_map_gate();
	for (const int n : {10, 11})
		expect_alloc(untouched, n);
	const int within = mempool_resize(&p.pool, 3);
	const int beyond = mempool_resize(&p.pool, 65);
	open_map_gate();
	assert_int_equal(within, 0);
	assert_int_equal(beyond, -ENOMEM);
	assert_int_equal(p.pool.min_nr, 3);
	assert_int_equal(mempool_curr_nr(&p.pool), 3);
	expect_alloc(untouched, 12);
	expect_alloc(untouched, 0);
	assert_int_equal(mempool_resize(&p.pool, 65), 0);
	assert_int_equal(mempool_curr_nr(&p.pool), 4);
	expect_function_calls(mocked_free, 4);
	expect_any_count(mocked_free, element, 4);
	expect_value_count(mocked_free, pool_data, mocked_data, 4);
	mempool_exit(&p.pool);
}

void par_28_growing_wakes_sleepers(void **)
{
	mocked_pool p(1, kept_in);
	p.drain();
	expect_alloc(first_pass, 0);
	expect_alloc(full_pass, 0);
	size_t wakes = 0;
	futex_play({after(
		[&] {
			expect_alloc(untouched, 10);
			expect_alloc(untouched, 0);
			assert_int_equal(mempool_resize(&p.pool, 2), 0);
			wakes = futex_wakes().size();
			expect_alloc(full_pass, 0);
		},
		0)});
	p.alloc(GFP_KERNEL, 10);
	assert_int_equal(wakes, 1);
	p.exit({});
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(par_26_the_surplus_goes_newest_first_then_the_minimum_falls),
		cmocka_unit_test(par_26_the_surplus_goes_outside_of_any_lock),
		cmocka_unit_test(par_26_a_surplus_that_comes_meanwhile_goes_too),
		cmocka_unit_test(par_26_without_a_surplus_only_the_minimum_falls),
		cmocka_unit_test(par_26_a_bad_size_changes_nothing),
		cmocka_unit_test(the_same_size_asks_nobody),
		cmocka_unit_test(par_27_without_memory_nothing_changes),
		cmocka_unit_test(par_27_growing_asks_with_the_mask_untouched),
		cmocka_unit_test(par_27_what_is_out_is_asked_for_too),
		cmocka_unit_test(par_27_a_dry_backing_is_no_failure),
		cmocka_unit_test(par_27_an_array_that_is_large_enough_is_kept),
		cmocka_unit_test(par_27_what_frees_made_superfluous_goes_back),
		cmocka_unit_test(par_27_the_spread_store_needs_memory_now_and_then),
		cmocka_unit_test(par_28_growing_wakes_sleepers),
	};
	return cmocka_run_group_tests_name("resize, mocked", tests, nullptr, nullptr);
}
