// SPDX-License-Identifier: MIT
//
// test_pool_mocked.cpp - a pool's life, its allocations and frees, as its
// backing sees them: each call, each mask, in order.
// link: -Wl,--wrap=syscall
#include "mocked_pool.hpp"

using namespace mp;
using namespace mp::test;

namespace {

void par_1_creation_hands_the_mask_on_untouched(void **)
{
	for (const gfp_t mask : {GFP_NOIO, GFP_ATOMIC, GFP_KERNEL | __GFP_COMP}) {
		mempool_t pool = {};
		for (int n = 1; n <= 3; n++)
			expect_alloc(mask, n);
		assert_int_equal(
			mempool_init_node(&pool, 3, mocked_alloc, mocked_free, mocked_data, mask, NUMA_NO_NODE), 0);
		assert_int_equal(mempool_curr_nr(&pool), 3);
		expect_frees({3, 2, 1});
		mempool_exit(&pool);
	}
}

void par_1_creation_calls_once_for_each_element(void **)
{
	for (const int min_nr : {0, 1, 2, 7}) {
		const int reserved = min_nr > 0 ? min_nr : 1;
		mocked_pool p(min_nr); // announces as many calls as elements
		assert_int_equal(mempool_curr_nr(&p.pool), reserved);
		assert_int_equal(p.pool.min_nr, min_nr);
		for (int n = reserved; n > 0; n--)
			expect_free(n);
		p.exit({});
	}
}

void par_2_a_failed_creation_gives_all_back_newest_first(void **)
{
	for (int made = 0; made < 4; made++) {
		mempool_t pool = {};
		for (int n = 1; n <= made; n++)
			expect_alloc(untouched, n);
		expect_alloc(untouched, 0);
		for (int n = made; n > 0; n--)
			expect_free(n);
		assert_int_equal(mempool_init(&pool, 4, mocked_alloc, mocked_free, mocked_data), -ENOMEM);
		const mempool_t zeroed = {};
		assert_memory_equal(&pool, &zeroed, sizeof(pool));
	}
}

void par_2_so_does_a_pool_that_is_made_too(void **)
{
	expect_alloc(untouched, 1);
	expect_alloc(untouched, 2);
	expect_alloc(untouched, 0);
	expect_frees({2, 1});
	errno = 0;
	assert_null(mempool_create(3, mocked_alloc, mocked_free, mocked_data));
	assert_int_equal(errno, ENOMEM);
}

void par_5_exit_gives_the_reserve_back_newest_first(void **)
{
	mocked_pool p(3);
	p.exit({3, 2, 1});
	p.exit({}); // again, and nothing is called
}

void par_8_9_the_first_pass_asks_without_blocking(void **)
{
	mocked_pool p(1);
	expect_alloc(__GFP_KSWAPD_RECLAIM | __GFP_FS | __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN, 5);
	p.alloc(GFP_KERNEL, 5);
	expect_alloc(__GFP_HIGH | __GFP_KSWAPD_RECLAIM | __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN, 6);
	p.alloc(GFP_ATOMIC, 6);
	p.exit({1});
}

void par_10_the_reserve_is_asked_after_the_backing_newest_first(void **)
{
	mocked_pool p(3);
	expect_alloc(first_pass, 9);
	p.alloc(GFP_KERNEL, 9);
	assert_int_equal(mempool_curr_nr(&p.pool), 3);
	for (const int newest : {3, 2}) {
		expect_alloc(first_pass, 0);
		p.alloc(GFP_KERNEL, newest);
	}
	p.free(9);
	expect_alloc(first_pass, 0);
	p.alloc(GFP_KERNEL, 9);
	p.exit({1});
}

void par_11_a_second_pass_has_the_full_mask(void **)
{
	mocked_pool p(1);
	p.drain();
	expect_alloc(first_pass, 0);
	expect_alloc(full_pass, 4);
	p.alloc(GFP_KERNEL, 4);

	const gfp_t atomic_io = core::full_mask(GFP_ATOMIC | __GFP_IO);
	expect_alloc(atomic_io & ~__GFP_IO, 0);
	expect_alloc(atomic_io, 0);
	p.alloc(GFP_ATOMIC | __GFP_IO, 0);
	p.exit({});
}

void par_11_a_second_pass_asks_the_reserve_too(void **)
{
	mocked_pool p(1);
	p.drain();
	const gfp_t atomic_io = core::full_mask(GFP_ATOMIC | __GFP_IO);
	expect_alloc(atomic_io & ~__GFP_IO, 0);
	expect_alloc(atomic_io, 0);
	meanwhile = [&p] { meanwhile = [&p] { p.free(1); }; }; // while the second pass asks
	p.alloc(GFP_ATOMIC | __GFP_IO, 1);
	p.exit({});
}

void par_13_no_flag_no_sleep(void **)
{
	mocked_pool p(2);
	p.drain();
	for (const gfp_t mask : {GFP_ATOMIC, GFP_NOWAIT, __GFP_HIGH}) {
		expect_alloc(core::full_mask(mask), 0);
		errno = 0;
		p.alloc(mask, 0);
		assert_int_equal(errno, ENOMEM);
	}
	assert_int_equal(futex_waits(), 0);
	p.exit({});
}

void par_12_a_sleeper_asks_the_backing_again_first(void **)
{
	mocked_pool p(1);
	p.drain();
	expect_alloc(first_pass, 0);
	expect_alloc(full_pass, 0);
	futex_play({after(
		[&p] {
			p.free(1);
			expect_alloc(full_pass, 7); // after the sleep, although an element is there
		},
		0)});
	p.alloc(GFP_KERNEL, 7);
	assert_int_equal(futex_waits(), 1);
	p.exit({1});
}

void par_12_a_sleeper_gets_what_came_back(void **)
{
	mocked_pool p(1);
	p.drain();
	expect_alloc(first_pass, 0);
	expect_alloc(full_pass, 0);
	expect_alloc(full_pass, 0);
	futex_play({returns(EINTR), after([&p] { p.free(1); }, 0)});
	p.alloc(GFP_KERNEL, 1);
	p.exit({});
}

void par_12_a_sleep_ends_after_5_s(void **)
{
	mocked_pool p(1);
	p.drain();
	expect_alloc(first_pass, 0);
	for (int passes = 0; passes < 3; passes++)
		expect_alloc(full_pass, 0);
	expect_alloc(full_pass, 8);
	const uint64_t before_ns = base::now_ns();
	int in_time = 0;
	const futex_step five_seconds = [&](const futex_wait_call &call) {
		constexpr uint64_t retry_ns = 5 * base::ns_per_s;
		in_time += call.deadline_ns >= before_ns + retry_ns && call.deadline_ns <= base::now_ns() + retry_ns;
		return ETIMEDOUT;
	};
	futex_play({five_seconds, five_seconds, five_seconds});
	p.alloc(GFP_KERNEL, 8);
	assert_int_equal(in_time, 3);
	p.exit({});
}

void a_timeout_ends_the_sleeping(void **)
{
	mocked_pool p(1);
	p.drain();
	expect_alloc(first_pass, 0);
	expect_alloc(full_pass, 0);
	const uint64_t before_ns = base::now_ns();
	uint64_t deadline_ns = 0;
	futex_play({[&](const futex_wait_call &call) {
		deadline_ns = call.deadline_ns;
		return ETIMEDOUT;
	}});
	errno = 0;
	assert_null(mempool_alloc_timeout(&p.pool, GFP_KERNEL, base::ns_per_s));
	assert_int_equal(errno, ETIMEDOUT);
	assert_true(deadline_ns >= before_ns + base::ns_per_s && deadline_ns <= base::now_ns() + base::ns_per_s);
	p.exit({});
}

void par_16_preallocated_never_asks_the_backing(void **)
{
	mocked_pool p(2);
	assert_ptr_equal(mempool_alloc_preallocated(&p.pool), element(2));
	assert_ptr_equal(mempool_alloc_preallocated(&p.pool), element(1));
	errno = 0;
	assert_null(mempool_alloc_preallocated(&p.pool));
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(futex_waits(), 0);
	p.exit({});
}

void par_19_a_dry_backing_is_not_reported(void **)
{
	mocked_pool p(1);
	for (int i = 0; i < 2; i++) {
		expect_alloc(core::full_mask(GFP_ATOMIC), 0);
		p.alloc(GFP_ATOMIC, i == 0 ? 1 : 0);
	}
	p.exit({});
	mempool_t pool = {};
	expect_alloc(untouched, 0);
	assert_int_equal(mempool_init(&pool, 1, mocked_alloc, mocked_free, mocked_data), -ENOMEM);
	assert_int_equal(reports_caught(), 0);
}

void par_20_21_the_reserve_is_refilled_first(void **)
{
	mocked_pool p(2);
	mempool_free(nullptr, &p.pool);
	expect_free(9); // full: straight to the backing
	p.free(9);
	p.drain();
	p.free(9); // any element will do, and free_fn sees none of these
	p.free(8);
	assert_int_equal(mempool_curr_nr(&p.pool), 2);
	expect_free(1);
	p.free(1);
	p.exit({8, 9});
}

void par_23_without_a_minimum_one_is_kept(void **)
{
	mocked_pool p(0);
	p.drain();
	p.free(5);
	assert_int_equal(mempool_curr_nr(&p.pool), 1);
	expect_free(1);
	p.free(1);
	p.exit({5});
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(par_1_creation_hands_the_mask_on_untouched),
		cmocka_unit_test(par_1_creation_calls_once_for_each_element),
		cmocka_unit_test(par_2_a_failed_creation_gives_all_back_newest_first),
		cmocka_unit_test(par_2_so_does_a_pool_that_is_made_too),
		cmocka_unit_test(par_5_exit_gives_the_reserve_back_newest_first),
		cmocka_unit_test(par_8_9_the_first_pass_asks_without_blocking),
		cmocka_unit_test(par_10_the_reserve_is_asked_after_the_backing_newest_first),
		cmocka_unit_test(par_11_a_second_pass_has_the_full_mask),
		cmocka_unit_test(par_11_a_second_pass_asks_the_reserve_too),
		cmocka_unit_test(par_12_a_sleeper_asks_the_backing_again_first),
		cmocka_unit_test(par_12_a_sleeper_gets_what_came_back),
		cmocka_unit_test(par_12_a_sleep_ends_after_5_s),
		cmocka_unit_test(a_timeout_ends_the_sleeping),
		cmocka_unit_test(par_13_no_flag_no_sleep),
		cmocka_unit_test(par_16_preallocated_never_asks_the_backing),
		cmocka_unit_test(par_19_a_dry_backing_is_not_reported),
		cmocka_unit_test(par_20_21_the_reserve_is_refilled_first),
		cmocka_unit_test(par_23_without_a_minimum_one_is_kept),
	};
	return cmocka_run_group_tests_name("pool, mocked", tests, nullptr, nullptr);
}
