// SPDX-License-Identifier: MIT
//
// test_spread_between.cpp - each place in the spread store where another thread,
// a signal handler or a fork may come in between, played by hand.
#include "spread_fixture.hpp"

using namespace mp;
using namespace mp::test;

namespace {

using store = stepped_store;
using fixture = spread_fixture;

// ---- in between ----

/// ORD-10: an entry that comes while a searcher doubts its group is found at once.
void nothing_is_hidden_by_a_doubt(void **)
{
	fixture f(4);
	f.fill(1);
	assert_int_equal(number_of(f->take()), 0); // the group's bit is set still
	int found = -2;
	int counted = -1;
	at(step::doubted_group, [&] {
		assert_true(f->give(entry(1)));
		counted = f->count(10);
		found = number_of(f->take());
		assert_true(f->give(entry(2)));
	});
	assert_int_equal(number_of(f->take()), 2); // the second look
	assert_int_equal(counted, 1);
	assert_int_equal(found, 1);
	assert_true(f->give(entry(3)));
	f.assert_holds({3});
}

/// As above, where the entry was given before the bit was doubted, but after the first look.
void a_bit_comes_back_for_what_the_second_look_leaves(void **)
{
	fixture f(4);
	f.fill(1);
	f->take();
	at(step::doubted_group, [&] {
		for (int i = 1; i <= 3; i++)
			assert_true(f->give(entry(i)));
	});
	assert_int_equal(number_of(f->take()), 3);
	f.assert_holds({1, 2});
}

void a_taker_in_between_keeps_a_store_from_being_full(void **)
{
	fixture f(2);
	f.fill(2);
	void *taken = nullptr;
	at(step::checking_full, [&] {
		assert_false(f->full()); // not yet
		assert_false(f->give(entry(8)));
		taken = f->take();
	});
	assert_true(f->give(entry(9))); // the second look finds the hole
	assert_non_null(taken);
	assert_false(f->full());
	assert_false(f->give(entry(8)));
	assert_true(f->full());
}

/// Whose hole is filled again by others, the checking is not to be believed.
void a_checking_that_a_taker_ended_does_not_say_full(void **)
{
	fixture f(2);
	f.fill(2);
	at(step::checking_full, [&] { assert_true(f->give(f->take())); });
	assert_false(f->give(entry(9)));
	assert_false(f->full()); // it errs to this side
	assert_false(f->give(entry(9)));
	assert_true(f->full());
}

void a_handler_may_do_anything_at_each_step(void **)
{
	for (const step s : {step::took_slot, step::gave_slot}) {
		fixture f(4);
		f.fill(3);
		at(s, [&] {
			at(s, [&] { assert_true(f->give(f->take())); });
			assert_true(f->give(f->take()));
		});
		assert_true(f->give(f->take()));
		f.assert_holds({0, 1, 2});
	}
}

// ---- bulk ----

using gaps = std::vector<void *>;

void a_single_ends_a_bulk_that_has_all_there_is(void **)
{
	fixture f(3);
	f.fill(3);
	void *single = nullptr;
	at(step::marked, [&] {
		assert_int_equal(f->count(9), 3); // they may go back
		single = f->take();
	});
	gaps g(3);
	assert_false(f->take_into_gaps(g.data(), 3, 3));
	assert_non_null(single);
	assert_true(g == gaps(3));
	assert_int_equal(f->level(), 2);
	assert_int_equal(f->count(9), 2);
}

void a_bulk_that_was_ended_tries_again(void **)
{
	fixture f(3);
	f.fill(2);
	at(step::marked, [&] {
		assert_non_null(f->take());
		assert_true(f->give(entry(7)));
	});
	gaps g(2);
	assert_true(f->take_into_gaps(g.data(), 2, 2));
	assert_true(g[0] != nullptr && g[1] != nullptr && g[0] != g[1]);
	assert_int_equal(f->level(), 0);
	assert_null(f->take());
}

void singles_take_what_a_bulk_did_not_mark(void **)
{
	fixture f(4);
	f.fill(4);
	void *single = nullptr;
	at(step::marked, [&] { single = f->take(); });
	gaps g(3);
	assert_true(f->take_into_gaps(g.data(), 3, 3));
	assert_int_equal(number_of(single), 0);
	assert_int_equal(number_of(g[0]), 3);
	assert_int_equal(number_of(g[2]), 1);
}

void nobody_takes_what_a_bulk_has_committed_to(void **)
{
	fixture f(2);
	f.fill(2);
	void *single = entry(9);
	int counted = -1;
	at(step::committed, [&] {
		single = f->take();
		counted = f->count(9);
	});
	gaps g(2);
	assert_true(f->take_into_gaps(g.data(), 2, 2));
	assert_null(single);
	assert_int_equal(counted, 0);
	assert_int_equal(f->level(), 0);
}

/// The single that sleeps, after it ended one bulk, through the marking of another.
void assert_robbed(bool more, bool expected)
{
	fixture f(3);
	f.fill(2);
	gaps g(2);
	void *single = nullptr;
	std::atomic<int> stage{0};
	std::thread sleeper;
	at(step::marked, [&] {
		at(step::may_take_mark, [&] {
			stage = 1;
			eventually([&] { return stage == 2; });
		});
		sleeper = std::thread([&] { single = f->take(); });
		assert_true(eventually([&] { return stage == 1; }));
		at(step::committed, [&] { // of this bulk's second try, with the same entries in the same slots
			stage = 2;
			sleeper.join();
			if (more)
				assert_true(f->give(entry(5)));
		});
	});
	const bool served = f->take_into_gaps(g.data(), 2, 2);
	assert_non_null(single);
	assert_true(served == expected);
	if (expected) {
		assert_true(g[0] != nullptr && g[1] != nullptr);
		f.assert_holds({});
	} else {
		assert_true(g == gaps(2));
		assert_int_equal(f->level(), 1);
		assert_non_null(f->take());
	}
}

void a_robbed_bulk_finds_another(void **)
{
	assert_robbed(true, true);
}

void a_robbed_bulk_puts_everything_back(void **)
{
	assert_robbed(false, false);
}

// ---- fork ----

/// Another thread of the parent stands at `s`: the child sets right what it left.
void assert_child_is_whole(step s, const std::function<void(store &)> &cut_short, int expected_level)
{
	fixture f(4);
	f.fill(3);
	int status = -1;
	at(s, [&] {
		status = in_child([&] {
			stepping_atomics::actions.clear();
			f->thaw_in_child();
			if (f->level() != expected_level || f->count(9) != expected_level || f->target() != 4)
				return 1;
			gaps g(static_cast<size_t>(expected_level));
			if (!f->take_into_gaps(g.data(), expected_level, expected_level) || f->level() != 0)
				return 2;
			for (int i = 0; i < 4; i++)
				if (!f->give(entry(i)))
					return 3;
			return f->give(entry(4)) || !f->full() ? 4 : 0;
		});
	});
	cut_short(*f.s);
	assert_int_equal(status, 0);
}

void a_child_is_whole_whatever_others_were_at(void **)
{
	const auto take = [](store &s) { s.take(); };
	const auto give = [](store &s) { s.give(entry(9)); };
	const auto bulk = [](store &s) {
		gaps g(2);
		s.take_into_gaps(g.data(), 2, 2);
	};
	assert_child_is_whole(step::took_slot, take, 2);
	assert_child_is_whole(step::gave_slot, give, 4);
	assert_child_is_whole(step::marked, bulk, 3);
	assert_child_is_whole(step::committed, bulk, 3); // what it had not collected yet
	assert_child_is_whole(
		step::doubted_group,
		[](store &s) {
			for (int i = 0; i < 4; i++)
				s.take();
		},
		0);
	assert_child_is_whole(
		step::checking_full,
		[](store &s) {
			s.give(entry(3));
			s.give(entry(4));
		},
		4);
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_hidden_by_a_doubt),
		cmocka_unit_test(a_bit_comes_back_for_what_the_second_look_leaves),
		cmocka_unit_test(a_taker_in_between_keeps_a_store_from_being_full),
		cmocka_unit_test(a_checking_that_a_taker_ended_does_not_say_full),
		cmocka_unit_test(a_handler_may_do_anything_at_each_step),
		cmocka_unit_test(a_single_ends_a_bulk_that_has_all_there_is),
		cmocka_unit_test(a_bulk_that_was_ended_tries_again),
		cmocka_unit_test(singles_take_what_a_bulk_did_not_mark),
		cmocka_unit_test(nobody_takes_what_a_bulk_has_committed_to),
		cmocka_unit_test(a_robbed_bulk_finds_another),
		cmocka_unit_test(a_robbed_bulk_puts_everything_back),
		cmocka_unit_test(a_child_is_whole_whatever_others_were_at),
	};
	return cmocka_run_group_tests_name("spread_store, in between", tests, nullptr, nullptr);
}
