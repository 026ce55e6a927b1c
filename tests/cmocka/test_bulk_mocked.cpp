// SPDX-License-Identifier: MIT
//
// test_bulk_mocked.cpp - several elements at once (PAR-17, PAR-25), as the
// backing sees it: each call, each mask, in order.
// link: -Wl,--wrap=syscall
#include "mocked_pool.hpp"

using namespace mp;
using namespace mp::test;

namespace {

/// Slots, some of them filled (0 is an empty one), and the call on them.
struct slots {
	slots(std::initializer_list<int> filled)
	{
		for (const int n : filled)
			at[count++] = element(n);
	}

	void alloc(mocked_pool &p, unsigned allocated)
	{
		assert_int_equal(mempool_alloc_bulk(&p.pool, at, count, allocated), 0);
	}

	void are(std::initializer_list<int> expected)
	{
		unsigned i = 0;
		for (const int n : expected)
			assert_ptr_equal(at[i++], element(n));
		assert_int_equal(i, count);
	}

	void *at[8] = {};
	unsigned count = 0;
};

void par_17_the_backing_fills_the_gaps_upwards(void **)
{
	mocked_pool p(6);
	slots s{0, 20, 0, 0, 21};
	for (const int n : {10, 11, 12})
		expect_alloc(first_pass, n);
	s.alloc(p, 2);
	s.are({10, 20, 11, 12, 21});
	p.exit({6, 5, 4, 3, 2, 1});
}

void par_17_nothing_to_do(void **)
{
	mocked_pool p(2);
	slots full{20, 21};
	full.alloc(p, 2);
	full.are({20, 21});
	slots none{};
	none.alloc(p, 0);
	p.exit({2, 1});
	assert_int_equal(reports_caught(), 0);
}

void par_17_at_the_first_null_the_reserve_serves_the_rest(void **)
{
	mocked_pool p(4);
	slots s{0, 0, 20, 0};
	expect_alloc(first_pass, 10);
	expect_alloc(first_pass, 0);
	s.alloc(p, 1);
	s.are({10, 4, 20, 3});
	p.exit({2, 1});
}

void par_17_the_reserve_serves_all_or_nothing(void **)
{
	mocked_pool p(4);
	assert_ptr_equal(mempool_alloc_preallocated(&p.pool), element(4));
	slots s{0, 0, 0, 0};
	expect_alloc(first_pass, 0); // 4 are missing, 3 are there: none of them is taken
	int level = -1;
	expect_alloc(full_pass, 10); // the second pass, at once; what it adds makes the reserve suffice
	expect_alloc(full_pass, 0);
	meanwhile = [&] { meanwhile = [&] { level = mempool_curr_nr(&p.pool); }; };
	s.alloc(p, 0);
	s.are({10, 3, 2, 1});
	assert_int_equal(level, 3);
	assert_int_equal(futex_waits(), 0);
	p.exit({});
}

void par_17_a_sleeper_keeps_what_it_has(void **)
{
	mocked_pool p(3);
	p.drain();
	p.free(1);
	slots s{0, 0, 0};
	expect_alloc(first_pass, 10);
	expect_alloc(first_pass, 0);
	expect_alloc(full_pass, 0);
	futex_play({after(
		[&] {
			s.are({10, 0, 0});
			assert_int_equal(mempool_curr_nr(&p.pool), 1); // the reserve was left alone
			p.free(2);
			expect_alloc(full_pass, 11); // it starts over: the backing comes first
			expect_alloc(full_pass, 0);
		},
		0)});
	s.alloc(p, 0);
	s.are({10, 11, 2});
	assert_int_equal(futex_waits(), 1);
	p.exit({1});
}

void par_17_a_sleeper_is_woken_for_what_is_missing(void **)
{
	mocked_pool p(4);
	p.drain();
	slots s{0, 0, 0};
	expect_alloc(first_pass, 10);
	expect_alloc(first_pass, 0);
	expect_alloc(full_pass, 0);
	size_t wakes_for_one = 99;
	futex_play({after(
		[&] {
			p.free(1);
			wakes_for_one = futex_wakes().size(); // two are missing
			p.free(2);
			expect_alloc(full_pass, 0);
		},
		0)});
	s.alloc(p, 0);
	s.are({10, 2, 1});
	assert_int_equal(wakes_for_one, 0);
	assert_int_equal(futex_wakes().size(), 1);
	p.exit({});
}

void par_17_a_wrong_count_is_corrected(void **)
{
	mocked_pool p(3);
	slots s{20, 0, 0};
	expect_alloc(first_pass, 10);
	expect_alloc(first_pass, 11);
	s.alloc(p, 2);
	s.are({20, 10, 11});
	assert_int_equal(reports_caught(), 1);
	assert_true(reported("2 of 3 slots are said to be filled; counted 1"));
	p.exit({3, 2, 1});
}

void par_17_more_than_the_reserve_is_reported_once(void **)
{
	mocked_pool p(1);
	for (int i = 0; i < 2; i++) {
		slots s{0, 0};
		expect_alloc(first_pass, 10);
		expect_alloc(first_pass, 11);
		s.alloc(p, 0);
	}
	assert_int_equal(reports_caught(), 1);
	assert_true(reported("WARNING") && reported("of 2 elements, and the reserve holds 1"));
	p.exit({1});
}

void par_17_the_hopeless_is_reported_after_5_s(void **)
{
	mocked_pool p(1);
	slots s{0, 0};
	expect_alloc(first_pass, 0);
	for (int sleeps = 0; sleeps < 3; sleeps++)
		expect_alloc(full_pass, 0);
	expect_alloc(full_pass, 10);
	expect_alloc(full_pass, 0); // and then the reserve's one suffices
	int in_first_sleep = -9;
	futex_play(
		{after([&] { in_first_sleep = reports_caught(); }, ETIMEDOUT), returns(ETIMEDOUT), returns(ETIMEDOUT)});
	s.alloc(p, 0);
	s.are({10, 1});
	assert_int_equal(reports_caught(), in_first_sleep + 1); // after the first one, and once
	assert_true(reported("BUG: mempool_alloc_bulk of 2 elements has slept"));
	p.exit({});
}

void par_17_one_that_can_be_served_is_not_reported(void **)
{
	mocked_pool p(2);
	p.drain();
	slots s{0, 0};
	expect_alloc(first_pass, 0);
	expect_alloc(full_pass, 0);
	expect_alloc(full_pass, 10);
	expect_alloc(full_pass, 11);
	futex_play({returns(ETIMEDOUT)});
	s.alloc(p, 0);
	assert_int_equal(reports_caught(), 0);
	p.exit({});
}

void par_25_the_reserve_takes_from_the_front(void **)
{
	mocked_pool p(3);
	p.drain();
	p.free(1);
	slots s{20, 21, 22, 23};
	assert_int_equal(mempool_free_bulk(&p.pool, s.at, 4), 2);
	s.are({20, 21, 22, 23}); // left as they are; 22 and 23 are still the caller's
	assert_int_equal(mempool_free_bulk(&p.pool, s.at + 2, 2), 0);
	p.exit({21, 20, 1});
}

void par_23_a_bulk_of_nothing_takes_nothing(void **)
{
	mocked_pool p(0);
	p.drain();
	slots s{20, 21};
	assert_int_equal(mempool_free_bulk(&p.pool, s.at, 0), 0);
	assert_int_equal(mempool_curr_nr(&p.pool), 0);
	assert_int_equal(mempool_free_bulk(&p.pool, s.at, 2), 1);
	p.exit({20});
}

void a_bulk_free_wakes_whom_it_serves(void **)
{
	mocked_pool p(3);
	p.drain();
	slots s{0, 0};
	slots returned{20, 21};
	expect_alloc(first_pass, 0);
	expect_alloc(full_pass, 0);
	expect_alloc(full_pass, 0);
	futex_play({after([&] { assert_int_equal(mempool_free_bulk(&p.pool, returned.at, 2), 2); }, 0)});
	s.alloc(p, 0);
	s.are({21, 20});
	assert_int_equal(futex_wakes().size(), 1);
	p.exit({});
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(par_17_the_backing_fills_the_gaps_upwards),
		cmocka_unit_test(par_17_nothing_to_do),
		cmocka_unit_test(par_17_at_the_first_null_the_reserve_serves_the_rest),
		cmocka_unit_test(par_17_the_reserve_serves_all_or_nothing),
		cmocka_unit_test(par_17_a_sleeper_keeps_what_it_has),
		cmocka_unit_test(par_17_a_sleeper_is_woken_for_what_is_missing),
		cmocka_unit_test(par_17_a_wrong_count_is_corrected),
		cmocka_unit_test(par_17_more_than_the_reserve_is_reported_once),
		cmocka_unit_test(par_17_the_hopeless_is_reported_after_5_s),
		cmocka_unit_test(par_17_one_that_can_be_served_is_not_reported),
		cmocka_unit_test(par_25_the_reserve_takes_from_the_front),
		cmocka_unit_test(par_23_a_bulk_of_nothing_takes_nothing),
		cmocka_unit_test(a_bulk_free_wakes_whom_it_serves),
	};
	return cmocka_run_group_tests_name("bulk, mocked", tests, nullptr, nullptr);
}
