// SPDX-License-Identifier: MIT
//
// test_spread_store.cpp - what the spread store alone has: its search, resize
// with entries everywhere, the lowest level, many CPUs. What all stores do is in
// store_suite.hpp, what comes in between in test_spread_between.cpp.
#include "spread_fixture.hpp"

using namespace mp;
using namespace mp::test;

namespace {

using fixture = spread_fixture;

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
		cmocka_unit_test(shrinks_with_entries_everywhere),
		cmocka_unit_test(an_entry_in_the_way_of_a_shrink_comes_out),
		cmocka_unit_test(the_lowest_level_is_exact_on_one_cpu),
		cmocka_unit_test(the_lowest_level_is_near_on_several_cpus),
		cmocka_unit_test(a_take_that_finds_nothing_makes_it_0),
		cmocka_unit_test(nothing_is_lost_on_many_cpus),
	};
	return cmocka_run_group_tests_name("spread_store", tests, nullptr, nullptr);
}
