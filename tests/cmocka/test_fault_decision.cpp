// SPDX-License-Identifier: MIT
//
// test_fault_decision.cpp - what nobody outside can see of the order of PAR-36:
// that the stack, which costs most, is looked at only when nothing before it has
// decided, and once; and that the draw is what its ingredients make it.
#include "mempool/watch/fault_decision.hpp"

#include "cmocka_cpp.hpp"

using namespace mp::watch;

namespace {

int asked = 0;
bool passes = true;

bool count_and_say(const void *)
{
	asked++;
	return passes;
}

struct fixture {
	std::atomic<int32_t> times{-1};
	std::atomic<int32_t> space{0};
	fault_rules rules{.probability = 100, .interval = 1, .task_filter = false};
	fault_thread thread{};
	uint32_t count = 0;

	bool decide(int64_t size = 1)
	{
		asked = 0;
		return fault_decide(rules, {times, space}, thread, {count_and_say, nullptr}, {size, 1, 2, &count});
	}
};

void the_stack_is_looked_at_only_when_it_matters(void **)
{
	fixture f;
	assert_true(f.decide());
	assert_int_equal(asked, 1);
	f.rules.probability = 0; // (2) comes first
	assert_false(f.decide());
	assert_int_equal(asked, 0);
	f.rules.probability = 100;
	f.rules.task_filter = true; // (3)
	assert_false(f.decide());
	assert_int_equal(asked, 0);
	f.thread.make_it_fail = true;
	assert_true(f.decide());
	f.times = 0; // (4)
	assert_false(f.decide());
	assert_int_equal(asked, 0);
	f.thread.nth = 2; // (1) asks it, too, and once
	assert_false(f.decide());
	assert_int_equal(asked, 1);
	assert_true(f.decide());
	assert_int_equal(asked, 1);
}

void a_miss_of_the_stack_changes_nothing(void **)
{
	fixture f;
	f.space = 50;
	f.times = 3;
	passes = false;
	assert_false(f.decide(10));
	f.thread.nth = 1;
	assert_false(f.decide(10));
	passes = true;
	assert_int_equal(f.space.load(), 50);
	assert_int_equal(f.times.load(), 3);
	assert_int_equal(f.thread.nth, 1);
	assert_int_equal(f.count, 0);
	assert_int_equal(f.thread.hits, 0);
}

void each_ingredient_of_a_draw_matters(void **)
{
	constexpr uint32_t draws = 4000;
	int seed = 0;
	int point = 0;
	int thread = 0;
	int histogram[100] = {};
	for (uint32_t i = 0; i < draws; i++) {
		const unsigned one = fault_percent(1, 2, 3, i);
		assert_true(one < 100);
		assert_int_equal(one, fault_percent(1, 2, 3, i));
		histogram[one]++;
		seed += one == fault_percent(2, 2, 3, i);
		point += one == fault_percent(1, 3, 3, i);
		thread += one == fault_percent(1, 2, 4, i);
	}
	// One in a hundred is the same by chance: 40, and by far not 100.
	assert_in_range(seed, 1, 100);
	assert_in_range(point, 1, 100);
	assert_in_range(thread, 1, 100);
	for (const int bin : histogram)
		assert_in_range(bin, 10, 90); // 40, give or take
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(the_stack_is_looked_at_only_when_it_matters),
		cmocka_unit_test(a_miss_of_the_stack_changes_nothing),
		cmocka_unit_test(each_ingredient_of_a_draw_matters),
	};
	return cmocka_run_group_tests_name("fault decision", tests, nullptr, nullptr);
}
