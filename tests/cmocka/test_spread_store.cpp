// SPDX-License-Identifier: MIT
//
// test_spread_store.cpp - what the spread store alone has: its search, its
// marks, and each place where another thread may come in between, played by
// hand. What all stores do is in store_suite.hpp.
#include "stepping_atomics.hpp"
#include "store_threads.hpp"

#include "reserve/spread_store_parts.hpp"

#include <memory>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::test;
using reserve::step;

namespace {

using store = reserve::basic_spread_store<stepping_atomics>;
static_assert(reserve::made_store<store>);

void at(step s, const std::function<void()> &action)
{
	stepping_atomics::actions[s] = action;
}

/// Works as another CPU for a while.
class as_cpu {
      public:
	explicit as_cpu(unsigned cpu) : before_(std::exchange(stepping_atomics::cpu_now, cpu)) {}
	~as_cpu() { stepping_atomics::cpu_now = before_; }
	as_cpu(const as_cpu &) = delete;
	as_cpu &operator=(const as_cpu &) = delete;

      private:
	unsigned before_;
};

void *entry(int n)
{
	return reinterpret_cast<void *>(uintptr_t{0x10000} + static_cast<uintptr_t>(n) * 16);
}

int number_of(const void *e)
{
	return e == nullptr ? -1 : static_cast<int>((reinterpret_cast<uintptr_t>(e) - 0x10000) / 16);
}

struct fixture {
	explicit fixture(int target) : memory(store::bytes_for(target)), s(std::make_unique<store>())
	{
		stepping_atomics::actions.clear();
		stepping_atomics::cpu_now = 0;
		s->init(memory.start(), target);
	}
	store *operator->() { return s.get(); }
	void fill(int n)
	{
		for (int i = 0; i < n; i++)
			assert_true(s->give(entry(i)));
	}
	void grow(int target)
	{
		reserve::memory_block block;
		block.bytes = s->bytes_to_grow(target);
		if (block.bytes > 0)
			block.start = more.emplace_back(block.bytes).start();
		s->grow(block, target);
	}
	/// Takes until there is nothing, and finds exactly these, in whatever order.
	void assert_holds(std::vector<int> expected)
	{
		std::vector<int> found;
		assert_int_equal(s->level(), expected.size());
		assert_int_equal(s->count(1 << 30), expected.size());
		while (void *e = s->take())
			found.push_back(number_of(e));
		std::sort(found.begin(), found.end());
		assert_true(found == expected);
		assert_int_equal(s->level(), 0);
	}
	zeroed_memory memory;
	std::deque<zeroed_memory> more;
	std::unique_ptr<store> s;
};

// ---- hints and search ----

void each_cpu_has_the_newest_of_its_own_first(void **)
{
	fixture f(256);
	for (int i = 0; i < 16; i++) {
		const as_cpu cpu(static_cast<unsigned>(i) % 4);
		assert_true(f->give(entry(i)));
	}
	for (int i = 16; i-- > 0;) {
		const as_cpu cpu(static_cast<unsigned>(i) % 4);
		assert_int_equal(number_of(f->take()), i);
	}
}

void what_lies_anywhere_is_found_from_everywhere(void **)
{
	for (const int target : {1, 2, 3, 7, 33, 64, 65, 100, 1000, 5000}) {
		for (unsigned from = 0; from < 4; from++) {
			fixture f(target);
			{
				const as_cpu cpu(from);
				f.fill(target);
			}
			assert_false(f->give(entry(target)));
			assert_true(f->full());
			for (int i = 0; i < target; i++) {
				const as_cpu cpu(static_cast<unsigned>(i));
				assert_non_null(f->take());
			}
			assert_null(f->take());
			assert_int_equal(f->level(), 0);
		}
	}
}

void a_cpu_wraps_around_the_array(void **)
{
	fixture f(8);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 3; i++)
			assert_true(f->give(entry(3 * round + i)));
		const as_cpu other(2); // takes from elsewhere, so the first one's hint goes on upwards
		for (int i = 0; i < 3; i++)
			assert_non_null(f->take());
	}
	assert_int_equal(f->level(), 0);
}

/// CPU numbers beyond those that there are hints for do not break it.
void any_cpu_number_will_do(void **)
{
	fixture f(4);
	for (const unsigned cpu : {4U, 17U, 1U << 31, ~0U}) {
		const as_cpu strange(cpu);
		assert_true(f->give(entry(static_cast<int>(cpu % 5))));
	}
	assert_int_equal(f->level(), 4);
	while (f->take() != nullptr) {}
	assert_int_equal(f->level(), 0);
}

/// One that looks at each slot needs a millisecond here, each time.
void a_nearly_empty_store_is_searched_by_its_maps(void **)
{
	constexpr int target = 1'000'000;
	fixture f(target);
	const uint64_t start_ns = base::now_ns();
	constexpr int times = 2000;
	for (int i = 0; i < times; i++) {
		{
			const as_cpu giver(static_cast<unsigned>(i) % 4);
			assert_true(f->give(entry(i)));
		}
		const as_cpu taker(static_cast<unsigned>(i / 4) % 4);
		assert_int_equal(number_of(f->take()), i);
		assert_null(f->take());
	}
	const uint64_t each_ns = (base::now_ns() - start_ns) / times;
	printf("%llu ns a round\n", static_cast<unsigned long long>(each_ns));
	assert_true(each_ns < (sanitized() ? 1'000'000 : 100'000));
}

void refuses_what_carries_the_mark(void **)
{
	fixture f(2);
	const uintptr_t mark = uintptr_t{1} << stepping_atomics::mark_shift;
	assert_false(f->give(nullptr));
	assert_false(f->give(reinterpret_cast<void *>(mark)));
	assert_false(f->give(reinterpret_cast<void *>(mark | 0x1000)));
	assert_int_equal(f->level(), 0);
	assert_false(f->full());
	f.fill(2);
	void *entries[] = {reinterpret_cast<void *>(mark | 0x1000), nullptr};
	assert_false(f->take_into_gaps(entries, 2, 1)); // it could not be told from what the bulk took
	assert_null(entries[1]);
	f.assert_holds({0, 1});
}

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

// ---- resize ----

void shrinks_with_entries_everywhere(void **)
{
	random_source random("shrinks_with_entries_everywhere");
	for (int round = 0; round < rounds(300); round++) {
		fixture f(1 + random.below(200));
		const int before = f->target();
		for (int i = 0; i < before; i++) {
			const as_cpu cpu(static_cast<unsigned>(random.below(4)));
			assert_true(f->give(entry(i)));
		}
		for (int i = random.below(before + 1); i > 0; i--) {
			const as_cpu cpu(static_cast<unsigned>(random.below(4)));
			f->take();
		}
		const int had = f->level();
		const int after = 1 + random.below(before);
		int shed = 0;
		while (f->take_above(after) != nullptr)
			shed++;
		assert_int_equal(shed, std::max(0, had - after));
		assert_int_equal(f->target(), after);
		const int larger = after + random.below(300);
		f.grow(larger);
		int given = 0;
		while (f->give(entry(1000 + given)))
			given++;
		assert_int_equal(given, larger - (had - shed));
		assert_int_equal(f->count(1 << 30), larger);
		int found = 0;
		while (f->take() != nullptr)
			found++;
		assert_int_equal(found, larger);
	}
}

/// A giver fills the holes that a shrink is about to close: they come out again.
void an_entry_in_the_way_of_a_shrink_comes_out(void **)
{
	fixture f(4);
	f.fill(2);
	int late = 4;
	const std::function<void()> give_late = [&] {
		if (f->give(entry(late)))
			late++;
	};
	at(step::took_slot, give_late);
	std::vector<int> out;
	while (void *e = f->take_above(1)) {
		out.push_back(number_of(e));
		if (out.size() == 1)
			at(step::took_slot, give_late);
	}
	assert_int_equal(f->target(), 1);
	assert_int_equal(f->level(), 1);
	assert_int_equal(out.size(), static_cast<size_t>(2 + late - 4 - 1));
	assert_false(f->give(entry(9)));
}

// ---- the lowest level ----

void the_lowest_level_is_exact_on_one_cpu(void **)
{
	fixture f(40);
	f.fill(40);
	f->note_full();
	for (int level = 40; level-- > 10;) {
		f->take();
		assert_int_equal(f->lowest(), level);
	}
	for (int i = 0; i < 20; i++)
		f->give(entry(i));
	assert_int_equal(f->lowest(), 10);
	for (int i = 0; i < 21; i++)
		f->take();
	f->give(entry(1));
	assert_int_equal(f->lowest(), 9);
}

void the_lowest_level_is_near_on_several_cpus(void **)
{
	random_source random("the_lowest_level_is_near_on_several_cpus");
	constexpr int target = 1000;
	fixture f(target);
	f.fill(target);
	f->note_full();
	int level = target;
	int lowest = target;
	for (int i = 0; i < rounds(20'000); i++) {
		const as_cpu cpu(static_cast<unsigned>(random.below(4)));
		if (random.below(100) < 52)
			level -= f->take() != nullptr;
		else
			level += f->give(entry(i));
		lowest = std::min(lowest, level);
		assert_int_equal(f->level(), level);
	}
	assert_true(f->lowest() >= lowest);
	assert_true(f->lowest() - lowest <= target / 64 + 4);
}

void a_take_that_finds_nothing_makes_it_0(void **)
{
	fixture f(2);
	f.fill(2);
	f->note_full();
	f->take();
	f->take();
	assert_null(f->take());
	f.fill(2);
	assert_int_equal(f->lowest(), 0);
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

// ---- threads ----

/// Stamped elements, more CPUs than the machine has.
void nothing_is_lost_on_many_cpus(void **)
{
	constexpr int total = 48;
	for (const unsigned cpus : {2U, 3U, 5U, 8U}) {
		stepping_atomics::cpu_count = cpus;
		fixture f(32);
		std::vector<stamped> all(total);
		std::atomic<int> wrong{0};
		for (int i = 0; i < 24; i++) {
			all[static_cast<size_t>(i)].inside = true;
			assert_true(f->give(&all[static_cast<size_t>(i)]));
		}
		crew threads;
		random_source random("nothing_is_lost_on_many_cpus");
		threads.start(4, [&](int thread) {
			std::mt19937_64 dice = random.split(thread);
			std::vector<stamped *> hand;
			for (int i = 24 + thread * 6; i < 30 + thread * 6; i++)
				hand.push_back(&all[static_cast<size_t>(i)]);
			for (int i = 0; i < rounds(100'000); i++) {
				stepping_atomics::cpu_now = static_cast<unsigned>(dice() % cpus);
				if (dice() % 2 == 0) {
					void *gap[2] = {};
					const int n = 1 + static_cast<int>(dice() % 2);
					if (n == 1)
						gap[0] = f->take();
					else
						f->take_into_gaps(gap, n, n);
					for (void *e : gap) {
						if (e == nullptr)
							continue;
						auto *s = static_cast<stamped *>(e);
						wrong += !s->inside.exchange(false);
						s->visits++;
						hand.push_back(s);
					}
				} else if (!hand.empty()) {
					stamped *s = hand.back();
					s->inside = true;
					if (f->give(s))
						hand.pop_back();
					else
						s->inside = false;
				}
			}
			for (stamped *s : hand)
				s->visits = 0; // touched by nobody else
		});
		threads.join();
		assert_int_equal(wrong, 0);
		int inside = 0;
		for (const stamped &s : all)
			inside += s.inside;
		assert_int_equal(f->level(), inside);
		assert_int_equal(f->count(1 << 30), inside);
		while (f->take() != nullptr)
			inside--;
		assert_int_equal(inside, 0);
	}
	stepping_atomics::cpu_count = 4;
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(each_cpu_has_the_newest_of_its_own_first),
		cmocka_unit_test(what_lies_anywhere_is_found_from_everywhere),
		cmocka_unit_test(a_cpu_wraps_around_the_array),
		cmocka_unit_test(any_cpu_number_will_do),
		cmocka_unit_test(a_nearly_empty_store_is_searched_by_its_maps),
		cmocka_unit_test(refuses_what_carries_the_mark),
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
		cmocka_unit_test(shrinks_with_entries_everywhere),
		cmocka_unit_test(an_entry_in_the_way_of_a_shrink_comes_out),
		cmocka_unit_test(the_lowest_level_is_exact_on_one_cpu),
		cmocka_unit_test(the_lowest_level_is_near_on_several_cpus),
		cmocka_unit_test(a_take_that_finds_nothing_makes_it_0),
		cmocka_unit_test(a_child_is_whole_whatever_others_were_at),
		cmocka_unit_test(nothing_is_lost_on_many_cpus),
	};
	return cmocka_run_group_tests_name("spread_store", tests, nullptr, nullptr);
}
