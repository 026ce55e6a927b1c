// SPDX-License-Identifier: MIT
//
// test_size.cpp - the adviser's simulation: loads whose times are known to the
// nanosecond, and random ones, whose answers are compared with those of a plain
// search and with what pools of the library do.
#include "support.hpp"

#include "tools/size_answer.hpp"

#include <algorithm>

#include "cmocka_cpp.hpp"

using namespace mp::test;
using size::demand;
using size::load;
using size::never_ns;
using size::outcome;

namespace {

constexpr uint64_t second_ns = 1'000'000'000;

/// An allocation of one element, which the backing had not.
demand dry(uint64_t at_ns, uint64_t hold_ns)
{
	demand d;
	d.at_ns = at_ns;
	d.hold_ns = hold_ns;
	d.need = 1;
	return d;
}

load load_of(std::vector<demand> demands)
{
	load l;
	l.demands = std::move(demands);
	l.end_ns = 100 * second_ns;
	return l;
}

void waits_are_exact(void **)
{
	const load l = load_of({dry(100, 50), dry(110, 50), dry(120, 50)});
	assert_int_equal(size::min_nr_without_sleep(l), 3);
	const outcome with_two = simulate(l, 2);
	assert_int_equal(with_two.sleeps, 1);
	assert_int_equal(with_two.longest_wait_ns, 30); // from 120 to 150
	assert_int_equal(with_two.unserved_ns, 120);
	const outcome with_one = simulate(l, 1);
	assert_int_equal(with_one.sleeps, 2);
	assert_int_equal(with_one.longest_wait_ns, 80); // the third, until 200
	assert_int_equal(size::min_nr_for_wait(l, 80, 3), 1);
	assert_int_equal(size::min_nr_for_wait(l, 79, 3), 2);
	assert_int_equal(size::min_nr_for_wait(l, 30, 3), 2);
	assert_int_equal(size::min_nr_for_wait(l, 29, 3), 3);
}

void what_comes_back_at_the_same_time_comes_first(void **)
{
	assert_int_equal(size::min_nr_without_sleep(load_of({dry(100, 50), dry(150, 50)})), 1);
	assert_int_equal(size::min_nr_without_sleep(load_of({dry(100, 51), dry(150, 50)})), 2);
}

/// Nobody is held up behind one who needs more than there is (PAR-24).
void a_bulk_does_not_hold_up_others(void **)
{
	demand bulk = dry(110, 10);
	bulk.count = bulk.need = 3;
	const load l = load_of({dry(100, 1000), bulk, dry(120, 10)});
	const outcome with_three = simulate(l, 3);
	assert_int_equal(with_three.sleeps, 1);
	assert_int_equal(with_three.longest_wait_ns, 990); // the bulk, until 1,100; the third got one at once
	assert_int_equal(simulate(l, 2).longest_wait_ns, never_ns);
}

void the_backing_may_serve_a_sleeper(void **)
{
	demand rescued = dry(110, 10);
	rescued.backing_ns = 140;
	const load l = load_of({dry(100, never_ns), rescued});
	assert_int_equal(simulate(l, 1).sleeps, 1);
	assert_int_equal(simulate(l, 1).longest_wait_ns, 30);
	rescued.backing_ns = 110; // in its second pass
	assert_true(simulate(load_of({dry(100, never_ns), rescued}), 1).served_all());
}

/// A reserve takes no more than it lacks.
void a_full_reserve_takes_nothing(void **)
{
	load l = load_of({dry(100, 10), dry(300, 10), dry(301, 10)});
	l.releases = {{200, 5}};
	assert_int_equal(size::min_nr_without_sleep(l), 2);
	l.missing = 1; // and comes back at 200
	assert_int_equal(size::min_nr_without_sleep(l), 2);
	l.releases.clear();
	assert_int_equal(size::min_nr_without_sleep(l), 3);
	l.missing = 5; // of a reserve of 2 no more than 2 were
	l.releases = {{200, 5}};
	l.demands.erase(l.demands.begin());
	assert_int_equal(size::min_nr_without_sleep(l), 2);
}

/// Who sleeps asks the backing again each five seconds (PAR-16).
void an_outage_ends_for_sleepers_at_their_next_try(void **)
{
	demand first = dry(1 * second_ns, never_ns);
	demand other = dry(2 * second_ns, never_ns);
	first.need = other.need = 0;
	const load l = changed(load_of({first, other}), {.rate = 1, .outage_ns = 6 * second_ns, .outage_at_ns = 0});
	const outcome with_one = simulate(l, 1);
	assert_int_equal(with_one.sleeps, 1);
	assert_int_equal(with_one.longest_wait_ns, 5 * second_ns);
}

/// Elements that the backing serves, and some that it does not; held for some time or for good.
load random_load(random_source &random, int demands)
{
	load l = load_of({});
	l.start_ns = 1000;
	uint64_t now_ns = l.start_ns;
	for (int i = 0; i < demands; i++) {
		demand d;
		now_ns += static_cast<uint64_t>(random.below(20));
		d.at_ns = now_ns;
		d.hold_ns = random.below(10) == 0 ? never_ns : static_cast<uint64_t>(1 + random.below(99));
		d.count = random.below(8) == 0 ? 1 + random.below(4) : 1;
		d.need = random.coin() ? 1 + random.below(static_cast<int>(d.count)) : 0;
		if (d.need > 0 && random.below(10) == 0)
			d.backing_ns = d.at_ns;
		l.demands.push_back(d);
		if (random.below(20) == 0)
			l.releases.push_back({now_ns + 1, 1 + random.below(3)});
	}
	l.missing = random.below(12);
	return l;
}

void the_answer_is_the_smallest(void **)
{
	random_source random("the_answer_is_the_smallest");
	for (int round = 0; round < rounds(300); round++) {
		const load l = random_load(random, 60);
		const int64_t answer = size::min_nr_without_sleep(l);
		assert_true(simulate(l, answer).served_all());
		assert_true(answer == 1 || !simulate(l, answer - 1).served_all());
		for (const uint64_t wait_ns : {0U, 10U, 50U}) {
			const int64_t for_wait = size::min_nr_for_wait(l, wait_ns, answer);
			assert_true(simulate(l, for_wait).longest_wait_ns <= wait_ns);
			assert_true(for_wait == 1 || simulate(l, for_wait - 1).longest_wait_ns > wait_ns);
		}
	}
}

void the_library_does_the_same(void **)
{
	random_source random("the_library_does_the_same");
	for (int round = 0; round < rounds(100); round++) {
		const load l = random_load(random, 60);
		const int64_t answer = size::min_nr_without_sleep(l);
		assert_int_equal(replay(l, answer).unserved, 0);
		assert_int_equal(replay(l, answer + 5).unserved, 0);
		if (answer > 1)
			assert_true(replay(l, answer - 1).unserved > 0);
	}
}

/// No other beginning of the outage asks more of the reserve.
void the_worst_moment_is_found(void **)
{
	random_source random("the_worst_moment_is_found");
	for (int round = 0; round < rounds(60); round++) {
		load l = random_load(random, 50);
		l.missing = 0;
		for (demand &d : l.demands) {
			d.need = 0;
			d.backing_ns = never_ns;
		}
		for (const uint64_t outage_ns : {1U, 30U, 200U, 5000U}) {
			const int64_t worst = size::min_nr_without_sleep(changed(l, {1, outage_ns, never_ns}));
			int64_t most = 1;
			for (uint64_t at_ns = 0; at_ns < 1200; at_ns++)
				most = std::max(most, size::min_nr_without_sleep(changed(l, {1, outage_ns, at_ns})));
			assert_int_equal(worst, most);
		}
	}
}

void the_rate_presses_times_together(void **)
{
	load l = load_of({dry(1100, 50), dry(1200, 50)});
	l.start_ns = 1000;
	const load pressed = changed(l, {.rate = 4, .outage_ns = 0, .outage_at_ns = never_ns});
	assert_int_equal(pressed.demands[0].at_ns, 1025);
	assert_int_equal(pressed.demands[1].at_ns, 1050);
	assert_int_equal(size::min_nr_without_sleep(l), 1);
	assert_int_equal(size::min_nr_without_sleep(pressed), 2);
}

/// What a file may claim: the sums stay sums.
void huge_counts_do_not_overflow(void **)
{
	demand huge = dry(100, never_ns);
	huge.count = huge.need = int64_t{1} << 32;
	const load l = load_of({huge, huge, huge});
	assert_int_equal(size::min_nr_without_sleep(l), 3 * huge.need);
	assert_int_equal(simulate(l, 1).longest_wait_ns, never_ns);
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(waits_are_exact),
		cmocka_unit_test(what_comes_back_at_the_same_time_comes_first),
		cmocka_unit_test(a_bulk_does_not_hold_up_others),
		cmocka_unit_test(the_backing_may_serve_a_sleeper),
		cmocka_unit_test(a_full_reserve_takes_nothing),
		cmocka_unit_test(an_outage_ends_for_sleepers_at_their_next_try),
		cmocka_unit_test(the_answer_is_the_smallest),
		cmocka_unit_test(the_library_does_the_same),
		cmocka_unit_test(the_worst_moment_is_found),
		cmocka_unit_test(the_rate_presses_times_together),
		cmocka_unit_test(huge_counts_do_not_overflow),
	};
	return cmocka_run_group_tests_name("size", tests, nullptr, nullptr);
}
