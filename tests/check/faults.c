// SPDX-License-Identifier: MIT
/* faults.c - fault-inject.h: the order of the checks and the defaults (PAR-36, PAR-37), row by row, on points of one's
 * own. */
#include "scripted.h"

#include <errno.h>
#include <limits.h>
#include <mempool/fault-inject.h>
#include <string.h>

static struct fault_attr attr;

static void fresh(void)
{
	attr = (struct fault_attr)FAULT_ATTR_INITIALIZER;
	attr.verbose = 0;
	mempool_fault_set_nth(0);
}

/* How many of @n decisions fail. */
static int failures(int n, ssize_t size)
{
	int failed = 0;

	for (int i = 0; i < n; i++)
		failed += should_fail(&attr, size);
	return failed;
}

START_TEST(par_37_defaults)
{
	const struct fault_attr d = FAULT_ATTR_INITIALIZER;

	ck_assert_uint_eq(d.interval, 1);
	ck_assert_int_eq(d.times, 1);
	ck_assert_uint_eq(d.probability, 0);
	ck_assert_int_eq(d.space, 0);
	ck_assert_uint_eq(d.verbose, 2);
	ck_assert_uint_eq(d.stacktrace_depth, 32);
	ck_assert(!d.task_filter);
	ck_assert_uint_eq(d.require_start | d.reject_start | d.reject_end, 0);
	ck_assert_uint_eq(d.require_end, ULONG_MAX);
	ck_assert_uint_eq(d.verbose_ratelimit_interval_ms, 5000);
	ck_assert_uint_eq(d.verbose_ratelimit_burst, 10);
	fresh();
	ck_assert_int_eq(failures(1000, 1), 0);
}
END_TEST

START_TEST(par_37_text_form)
{
	static char *const bad[] = {"",         "1",         "1,2",       "1,2,3",     "1,2,3,",
				    "a,2,3,4",  "1,,3,4",    "1,2,3,4,5", "1,101,0,1", "1,2,3,4x",
				    "1,2,-3,4", "0x1,2,3,4", "1,2,3,-2",  "-1,2,3,4",  " 1,2,3,4"};

	fresh();
	ck_assert_int_eq(setup_fault_attr(&attr, "3,50,400,-1"), 1);
	ck_assert_uint_eq(attr.interval, 3);
	ck_assert_uint_eq(attr.probability, 50);
	ck_assert_int_eq(attr.space, 400);
	ck_assert_int_eq(attr.times, -1);
	for (int i = 0; i < LENGTH(bad); i++) {
		ck_assert_msg(setup_fault_attr(&attr, bad[i]) == 0, "'%s' is taken", bad[i]);
		expect_report(MEMPOOL_REPORT_WARNING, "setup_fault_attr");
	}
	ck_assert_uint_eq(attr.interval, 3);
	ck_assert_int_eq(attr.times, -1);
}
END_TEST

/* (1): the thread's nth decides alone, exactly when it reaches 0, and takes one of times. */
START_TEST(par_36_nth_comes_first)
{
	fresh();
	attr.times = 5; /* probability is 0, and still it fails */
	mempool_fault_set_nth(3);
	ck_assert(!should_fail(&attr, 1));
	ck_assert_uint_eq(mempool_fault_get_nth(), 2);
	ck_assert(!should_fail(&attr, 1));
	ck_assert(should_fail(&attr, 1));
	ck_assert_uint_eq(mempool_fault_get_nth(), 0);
	ck_assert_uint_eq(mempool_fault_hits(), 1);
	ck_assert(!should_fail(&attr, 1));
	ck_assert_int_eq(attr.times, 4);

	/* Nothing else is looked at, neither that times are over nor the task filter nor the space. */
	attr.times = 0;
	attr.task_filter = true;
	attr.space = 1000;
	attr.probability = 100;
	mempool_fault_set_nth(2);
	ck_assert(!should_fail(&attr, 1)); /* 100 percent, but it is the first of two */
	ck_assert(should_fail(&attr, 1));
	ck_assert_int_eq(attr.times, 0);
	ck_assert_int_eq(attr.space, 1000);
	ck_assert_uint_eq(attr.count, 0);

	/* A miss of the stack filter does not count. */
	attr.require_start = 1;
	attr.require_end = 2;
	mempool_fault_set_nth(1);
	ck_assert_int_eq(failures(10, 1), 0);
	ck_assert_uint_eq(mempool_fault_get_nth(), 1);
	mempool_fault_set_nth(0);
}
END_TEST

START_TEST(par_36_nth_persistent)
{
	fresh();
	mempool_fault_set_nth_persistent(3);
	ck_assert_int_eq(failures(2, 1), 0);
	ck_assert_int_eq(failures(10, 1), 10);
	ck_assert_uint_eq(mempool_fault_hits(), 10);
	mempool_fault_set_nth(0);
	ck_assert_int_eq(failures(10, 1), 0);
	ck_assert_uint_eq(mempool_fault_hits(), 0);
}
END_TEST

/* (2) to (4): off, whose thread, how often; none of them touches what comes later. */
START_TEST(par_36_probability_task_and_times)
{
	fresh();
	attr.space = 100;
	attr.times = 2;
	ck_assert_int_eq(failures(10, 10), 0);
	ck_assert_int_eq(attr.space, 100); /* (2) before (6) */

	attr.probability = 100;
	attr.task_filter = true;
	ck_assert_int_eq(failures(10, 10), 0);
	ck_assert_int_eq(attr.space, 100); /* (3) before (6) */
	mempool_fault_set_make_it_fail(true);
	attr.space = 0;
	ck_assert_int_eq(failures(10, 1), 2);
	ck_assert_int_eq(attr.times, 0);
	mempool_fault_set_make_it_fail(false);

	attr.task_filter = false;
	attr.space = 100;
	ck_assert_int_eq(failures(10, 10), 0);
	ck_assert_int_eq(attr.space, 100); /* (4) before (6) */
	attr.times = -1;
	attr.space = 0;
	ck_assert_int_eq(failures(10, 1), 10);
	ck_assert_int_eq(attr.times, -1);
}
END_TEST

__attribute__((noinline)) static bool from_here(void)
{
	const bool fails = should_fail(&attr, 1);

	__asm__ volatile("" ::: "memory"); /* no tail call */
	return fails;
}

/* (5): a required frame, a rejected one, which wins; before (6). */
START_TEST(par_36_stack_filter)
{
	const unsigned long start = (unsigned long)from_here, end = start + 64;

	if (under("asan") || under("tsan"))
		return; /* functions are longer there */
	fresh();
	attr.probability = 100;
	attr.times = -1;
	attr.space = 1000;
	attr.require_start = start;
	attr.require_end = end;
	ck_assert_int_eq(failures(10, 1), 0);
	ck_assert_int_eq(attr.space, 1000); /* rejected before (6) */
	attr.space = 0;
	ck_assert(from_here());
	attr.stacktrace_depth = 0; /* no frame is looked at: none is where it must be */
	ck_assert(!from_here());
	attr.stacktrace_depth = 32;
	attr.reject_start = start;
	attr.reject_end = end;
	ck_assert(!from_here());
	attr.require_start = 0;
	attr.require_end = ULONG_MAX;
	ck_assert(!from_here());
	ck_assert_int_eq(failures(10, 1), 10);
	attr.stacktrace_depth = 0; /* nor where it must not be */
	ck_assert(from_here());
}
END_TEST

/* (6): what fits is let through, at the expense of space; only what is larger than size fits. */
START_TEST(par_36_space)
{
	fresh();
	attr.probability = 100;
	attr.times = -1;
	attr.space = 100;
	ck_assert_int_eq(failures(9, 10), 0);
	ck_assert_int_eq(attr.space, 10);
	ck_assert(should_fail(&attr, 10)); /* 10 is not larger than 10 */
	ck_assert_int_eq(attr.space, 10);
	ck_assert(!should_fail(&attr, 9));
	ck_assert_int_eq(attr.space, 1);
}
END_TEST

/* (7): every so many-th, after the space. */
START_TEST(par_36_interval)
{
	static const bool expected[] = {false, false, true, false, false, true};

	fresh();
	attr.probability = 100;
	attr.times = -1;
	attr.interval = 3;
	for (int i = 0; i < LENGTH(expected); i++)
		ck_assert_int_eq(should_fail(&attr, 1), expected[i]);
	attr.space = 100;
	ck_assert_int_eq(failures(2, 10), 0); /* let through, and not counted: (6) before (7) */
	attr.space = 0;
	for (int i = 0; i < LENGTH(expected); i++)
		ck_assert_int_eq(should_fail(&attr, 1), expected[i]);
	attr.interval = 0;
	ck_assert_int_eq(failures(5, 1), 5);
}
END_TEST

/* (8): as often as it says, and always the same. */
START_TEST(par_36_probability)
{
	bool first[200];
	int failed = 0;

	fresh();
	attr.times = -1;
	attr.name = "own";
	for (unsigned long p = 10; p <= 100; p += 30) {
		attr.probability = p;
		failed = failures(10000, 1);
		ck_assert_int_ge(failed, (int)p * 100 - 300);
		ck_assert_int_le(failed, (int)p * 100 + 300);
	}
	attr.probability = 1; /* of 100 figures one is below it */
	failed = failures(20000, 1);
	ck_assert_int_ge(failed, 140);
	ck_assert_int_le(failed, 260);
	attr.probability = 50;
	for (int seed = 0; seed < 2; seed++) {
		mempool_fault_set_seed(77);
		attr.count = 0;
		failed = 0;
		for (int i = 0; i < LENGTH(first); i++) {
			const bool fails = should_fail(&attr, 1);

			if (seed)
				ck_assert_int_eq(fails, first[i]);
			first[i] = fails;
			failed += fails;
		}
	}
	mempool_fault_set_seed(78);
	attr.count = 0;
	for (int i = 0, differ = 0; i < LENGTH(first); i++) {
		differ += should_fail(&attr, 1) != first[i];
		ck_assert(i < LENGTH(first) - 1 || differ > 0);
	}
}
END_TEST

START_TEST(par_36_verbose)
{
	fresh();
	attr.probability = 100;
	attr.times = -1;
	attr.name = "told";
	mempool_fault_set_seed(0x2a);
	ck_assert(should_fail(&attr, 1));
	ck_assert(!reports_pending());
	attr.verbose = 1;
	ck_assert(should_fail(&attr, 7));
	expect_report(MEMPOOL_REPORT_NOTE, "told, size 7");
	attr.verbose = 2;
	ck_assert(should_fail(&attr, 7));
	expect_report(MEMPOOL_REPORT_NOTE, "seed 0x2a, thread 'main', its decision 3 here");
	ck_assert(should_fail_ex(&attr, 7, FAULT_NOWARN));
	ck_assert(!reports_pending());
	for (int i = 0; i < 30; i++)
		should_fail(&attr, 1);
	for (int i = 0; i < 8; i++) /* 10 in 5 s, and two are over */
		expect_report(MEMPOOL_REPORT_NOTE, "told");
	ck_assert(!reports_pending());
	attr.verbose_ratelimit_interval_ms = 0; /* each one, and those that were not told are counted */
	ck_assert(should_fail(&attr, 1));
	ck_assert_ptr_nonnull(strstr(expect_report(MEMPOOL_REPORT_NOTE, "told"), "22 such reports before it"));
	attr.verbose_ratelimit_interval_ms = 5000;
	attr.verbose_ratelimit_burst = 0;
	ck_assert(should_fail(&attr, 1));
	ck_assert(!reports_pending());

	/* With the stack or without; the seed always; the attributes, as the kernel prints them. */
	fresh();
	attr.times = 7;
	attr.interval = 3;
	attr.verbose = 1;
	mempool_fault_set_nth(1);
	ck_assert(should_fail(&attr, 1));
	const char *line = expect_report(MEMPOOL_REPORT_NOTE, "the thread's nth, seed 0x2a, thread 'main'");
	ck_assert(!has_own_code_address(line));
	ck_assert_ptr_nonnull(strstr(line, "interval 3, probability 0, space 0, times 6"));
	attr.verbose = 2;
	mempool_fault_set_nth(1);
	ck_assert(should_fail(&attr, 1));
	ck_assert(has_own_code_address(expect_report(MEMPOOL_REPORT_NOTE, "the thread's nth")));
	mempool_fault_set_quiet(true);
	mempool_fault_set_nth(1);
	ck_assert(should_fail(&attr, 1));
	mempool_fault_set_quiet(false);
	ck_assert(!reports_pending());
}
END_TEST

START_TEST(faults_are_not_injected_in_scopes)
{
	unsigned int outer, inner;

	fresh();
	attr.probability = 100;
	attr.times = -1;
	outer = mempool_fault_save();
	ck_assert(!should_fail(&attr, 1));
	inner = mempool_fault_save();
	mempool_fault_restore(inner);
	ck_assert(!should_fail(&attr, 1));
	mempool_fault_set_nth(1);
	ck_assert(!should_fail(&attr, 1));
	ck_assert_uint_eq(mempool_fault_get_nth(), 1); /* nor is it counted */
	mempool_fault_restore(outer);
	ck_assert(should_fail(&attr, 1));
	mempool_fault_set_nth(0);
}
END_TEST

/* Of two limits each has its own points, as in the kernel. */
START_TEST(par_36_rate_limit_of_each_point)
{
	struct fault_attr loud = FAULT_ATTR_INITIALIZER, other = FAULT_ATTR_INITIALIZER;

	loud.name = "loud";
	other.name = "other";
	loud.probability = other.probability = 100;
	loud.times = other.times = -1;
	loud.verbose = other.verbose = 1;
	for (int i = 0; i < 20; i++)
		ck_assert(should_fail(&loud, 1));
	ck_assert(should_fail(&other, 1));
	for (int i = 0; i < 10; i++)
		expect_report(MEMPOOL_REPORT_NOTE, "loud");
	expect_report(MEMPOOL_REPORT_NOTE, "other");
}
END_TEST

START_TEST(faults_the_latest_one)
{
	struct mempool_fault_hit hit = {.size = sizeof(hit)};

	fresh();
	attr.name = "latest";
	attr.probability = 100;
	attr.times = -1;
	ck_assert_int_eq(mempool_fault_last(&hit), -ENOENT);
	mempool_fault_set_seed(5);
	ck_assert(should_fail(&attr, 12));
	ck_assert(should_fail(&attr, 13));
	ck_assert_int_eq(mempool_fault_last(&hit), 0);
	ck_assert_str_eq(hit.point, "latest");
	ck_assert_str_eq(hit.name, "");
	ck_assert_uint_eq(hit.asked, 13);
	ck_assert_uint_eq(hit.seed, 5);
	ck_assert_uint_eq(hit.count, 2);
	ck_assert_uint_gt(hit.depth, 2);
	mempool_fault_set_nth(1);
	ck_assert_int_eq(mempool_fault_last(&hit), -ENOENT);
	ck_assert(should_fail(&attr, 12));
	ck_assert_int_eq(mempool_fault_last(&hit), 0);
	ck_assert_uint_eq(hit.count, 0);
}
END_TEST

TCase *fault_tests(void)
{
	TCase *tc = new_case("faults");

	tcase_add_test(tc, par_37_defaults);
	tcase_add_test(tc, par_37_text_form);
	tcase_add_test(tc, par_36_nth_comes_first);
	tcase_add_test(tc, par_36_nth_persistent);
	tcase_add_test(tc, par_36_probability_task_and_times);
	tcase_add_test(tc, par_36_stack_filter);
	tcase_add_test(tc, par_36_space);
	tcase_add_test(tc, par_36_interval);
	tcase_add_test(tc, par_36_probability);
	tcase_add_test(tc, par_36_verbose);
	tcase_add_test(tc, par_36_rate_limit_of_each_point);
	tcase_add_test(tc, faults_the_latest_one);
	tcase_add_test(tc, faults_are_not_injected_in_scopes);
	return tc;
}
