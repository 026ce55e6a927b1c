// SPDX-License-Identifier: MIT
/* fault_settings.c - settings as text and from the environment, points of one's own, and failures that a seed repeats.
 */
#include "fault_support.h"
#include "support.h"

#include <errno.h>
#include <mempool/fault-inject.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct child_result child;

START_TEST(faults_text_is_refused_whole)
{
	static const struct {
		const char *text;
		size_t offset;
	} bad[] = {{"failslob=1,2,3,4", 0},
		   {"failslab", 8},
		   {"failslab=1,2,3", 14},
		   {"failslab=1,200,3,4", 11},
		   {"failslab:probability=50;failslab:interval", 41},
		   {"failslab:probability=50,chance=3", 24},
		   {"failslab.probability=", 21},
		   {"failslab.task-filter=maybe", 21},
		   {"failslab.times=-2", 15},
		   {"failslab.probability=10 20", 24},
		   {"@pool=1,2,3,4", 0},
		   {"failslab@=1,2,3,4", 8},
		   {"seed=", 5},
		   {"seed=x", 5},
		   {"failslab=1,50,0,-1;;nonsense", 20},
		   {"failslab.min-order=99999999999999999999", 19},
		   {"failslab@\"open", 9},
		   {"failslab\"x\"=1,2,3,4", 8},
		   {"failslab@\"\"=1,2,3,4", 8},
		   {"failslab@\"0123456789012345678901234567890123456789012345678901234567890123456789"
		    "01234567890123456\"=1,2,3,4",
		    0}};
	struct mempool_fault_error error = {.size = sizeof(error)};

	for (int i = 0; i < LENGTH(bad); i++) {
		ck_assert_msg(mempool_fault_apply(0, bad[i].text, &error) == -EINVAL, "'%s' is taken", bad[i].text);
		ck_assert_msg(error.offset == bad[i].offset, "'%s': byte %zu, not %zu: %s", bad[i].text, error.offset,
			      bad[i].offset, error.text);
		ck_assert_int_ne(error.text[0], 0);
		ck_assert_uint_eq(fault_point("failslab").probability, 0);
	}
	ck_assert_int_eq(mempool_fault_apply(0, "failslab", NULL), -EINVAL);
	fault_set("");
	fault_set(" ; \n");
	fault_set("failslab=2,50,10,-1\nseed=0x10");
	ck_assert_uint_eq(fault_point("failslab").interval, 2);
	ck_assert_int_eq(fault_point("failslab").times, -1);
	ck_assert_uint_eq(mempool_fault_seed(), 16);
	fault_set("off");
	ck_assert_uint_eq(fault_point("failslab").probability, 0);
	ck_assert_int_eq(mempool_fault_apply(1 << 30, "off", NULL), -ESRCH);
}
END_TEST

/* In a process that was started with MEMPOOL_FAULT. */
int fault_child(void)
{
	struct fault_attr own = FAULT_ATTR_INITIALIZER;

	if (mempool_fault_register(&own, "my_point") != 0)
		return 1;
	for (int i = 0; i < 3; i++)
		if (should_fail(&own, 1) != (i < 2))
			return 2;
	if (mempool_fault_seed() != 99)
		return 3;
	return strcmp(own.name, "my_point") == 0 ? 0 : 4;
}

START_TEST(faults_from_the_environment)
{
	setenv("MEMPOOL_FAULT", "seed=99;+my_point:probability=100,times=2,verbose=0", 1);
	child_exec(&child, "faults", NULL);
	ck_assert_exited(&child, 0);
	setenv("MEMPOOL_FAULT", "seed=99;my_point:probability=100", 1);
	child_exec(&child, "faults", NULL);
	ck_assert_int_ne(child.status, 0);
	ck_assert_ptr_nonnull(strstr(child.output, "MEMPOOL_FAULT: there is no such point"));
	ck_assert_ptr_nonnull(strstr(child.output, "at byte 8 of"));
	unsetenv("MEMPOOL_FAULT");
}
END_TEST

START_TEST(faults_of_ones_own)
{
	struct fault_attr own = FAULT_ATTR_INITIALIZER, second = FAULT_ATTR_INITIALIZER;

	ck_assert_int_eq(mempool_fault_register(&own, ""), -EINVAL);
	ck_assert_int_eq(mempool_fault_register(&own, "a=b"), -EINVAL);
	ck_assert_int_eq(mempool_fault_register(&own, NULL), -EINVAL);
	ck_assert_int_eq(mempool_fault_register(&own, "own"), 0);
	ck_assert(!should_fail(&own, 1));
	fault_set("own:probability=100,times=1,verbose=0");
	ck_assert(should_fail(&own, 1));
	ck_assert(!should_fail(&own, 1));
	ck_assert_int_eq(mempool_fault_register(&second, "own"), 0);
	fault_set("own.times=1");
	ck_assert(should_fail(&second, 1));
	ck_assert_uint_eq(fault_point("own").failures, 2);
	mempool_fault_unregister(&second);
	ck_assert(!should_fail(&own, 1));
	mempool_fault_unregister(&own);
}
END_TEST

/* Whoever unregisters a name leaves nothing of it to the next. */
START_TEST(faults_of_ones_own_again)
{
	struct fault_attr own = FAULT_ATTR_INITIALIZER;

	own.probability = 100;
	own.verbose = 0;
	ck_assert_int_eq(mempool_fault_register(&own, "again"), 0);
	fault_set("again.probability=0");
	mempool_fault_unregister(&own);
	ck_assert_int_eq(mempool_fault_register(&own, "again"), 0);
	ck_assert(should_fail(&own, 1)); /* as the point has it */
	mempool_fault_unregister(&own);
	fault_set("again:probability=0"); /* set before it is registered: that wins */
	ck_assert_int_eq(mempool_fault_register(&own, "again"), 0);
	ck_assert(!should_fail(&own, 1));
	mempool_fault_unregister(&own);
}
END_TEST

/* A text that wants more names than there is room for is refused whole, too. */
START_TEST(faults_without_room_are_refused_whole)
{
	struct mempool_fault_error error = {.size = sizeof(error)};
	char text[8192] = "failslab.probability=33";
	size_t used = strlen(text);

	for (int i = 0; i < 120; i++) /* each name counts once, and the library has some itself */
		used += (size_t)snprintf(text + used, sizeof(text) - used, ";+p%d=1,50,0,-1;+p%d.verbose=0", i, i);
	ck_assert_int_eq(mempool_fault_apply(0, text, &error), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error.text, "no room"));
	ck_assert_uint_eq(fault_point("failslab").probability, 0);
	fault_set("+p0=1,50,0,-1"); /* nor does it take the room */
	ck_assert_uint_eq(fault_point("p0").probability, 50);
	fault_set("off");
}
END_TEST

#define DRAWS 2000

struct drawn {
	struct worker worker;
	const char *name;
	struct fault_attr *attr;
	bool failed[DRAWS];
};

static void draw(void *arg)
{
	struct drawn *d = arg;

	mempool_fault_set_thread(d->name);
	for (int i = 0; i < DRAWS; i++) {
		d->failed[i] = should_fail(d->attr, 1);
		if (i % 97 == 0)
			sched_yield();
	}
}

/* The same seed gives each thread the same failures, alone or beside others. */
START_TEST(faults_are_replayed_under_any_schedule)
{
	static struct drawn together[4], alone[4];
	static const char *const names[] = {"a", "b", "c", "d"};
	static struct fault_attr own = FAULT_ATTR_INITIALIZER;
	int failed = 0;

	ck_assert_int_eq(mempool_fault_register(&own, "replayed"), 0);
	fault_set("replayed:probability=30,interval=2,times=-1,verbose=0;seed=4711");
	for (int i = 0; i < 4; i++) {
		together[i].name = names[i];
		together[i].attr = &own;
		worker_start(&together[i].worker, draw, &together[i]);
	}
	for (int i = 0; i < 4; i++)
		worker_join(&together[i].worker);
	for (int i = 3; i >= 0; i--) {
		alone[i].name = names[i];
		alone[i].attr = &own;
		worker_start(&alone[i].worker, draw, &alone[i]);
		worker_join(&alone[i].worker);
		ck_assert_mem_eq(alone[i].failed, together[i].failed, sizeof(alone[i].failed));
	}
	ck_assert_int_ne(memcmp(alone[0].failed, alone[1].failed, sizeof(alone[0].failed)), 0);
	for (int i = 0; i < DRAWS; i++)
		failed += alone[0].failed[i];
	ck_assert_int_gt(failed, DRAWS * 15 / 100 - 100);
	ck_assert_int_lt(failed, DRAWS * 15 / 100 + 100);
	mempool_fault_unregister(&own);
}
END_TEST

/* Without a name a thread is known by what it began with: the same in each run, and in any order. */
static char unnamed[2][512];

__attribute__((noinline)) static void ask_once(int which)
{
	struct fault_attr a = FAULT_ATTR_INITIALIZER;

	a.probability = 100;
	a.verbose = 1;
	a.name = which ? "one" : "other";
	ck_assert(should_fail(&a, 1));
}

static void *begins_here(void *arg)
{
	(void)arg;
	ask_once(0);
	__asm__ volatile("" ::: "memory");
	return NULL;
}

static void *begins_there(void *arg)
{
	(void)arg;
	ask_once(1);
	__asm__ volatile("" ::: "memory");
	return NULL;
}

static void run_one(void *(*with)(void *), char *into, const char *part)
{
	pthread_t thread;
	const char *report, *name;

	ck_assert_int_eq(pthread_create(&thread, NULL, with, NULL), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	report = expect_report(MEMPOOL_REPORT_NOTE, part);
	ck_assert_ptr_nonnull(name = strstr(report, "thread '"));
	snprintf(into, sizeof(unnamed[0]), "%.*s", (int)strcspn(name + 8, "'"), name + 8);
}

START_TEST(faults_know_threads_by_their_beginning)
{
	char again[512];

	if (under("asan") || under("tsan"))
		return; /* theirs begin in the sanitizer */
	run_one(begins_here, unnamed[0], "other");
	run_one(begins_there, unnamed[1], "one");
	run_one(begins_here, again, "other");
	ck_assert_str_eq(unnamed[0], again);
	ck_assert_str_ne(unnamed[0], unnamed[1]);
	ck_assert_msg(strncmp(again, "check-suite+0x", 14) == 0, "the thread is called '%s'", again);
}
END_TEST

static int child_has_its_own(void *cache)
{
	void *object = kmem_cache_alloc(cache, GFP_KERNEL);

	if (object)
		return 1;
	fault_set("off");
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	kmem_cache_free(cache, object);
	return object ? 0 : 2;
}

/* A child goes on with what was set at the fork, and what it sets is its own. */
START_TEST(faults_for_one_after_a_fork)
{
	struct kmem_cache *cache = kmem_cache_create("forked", 32, 0, 0, NULL);
	struct child_result r;

	fault_set("failslab@forked:probability=100,times=-1,ignore-gfp-wait=N,verbose=0");
	ck_assert_ptr_null(kmem_cache_alloc(cache, GFP_KERNEL));
	child_run(&r, child_has_its_own, cache);
	ck_assert_exited(&r, 0);
	ck_assert_ptr_null(kmem_cache_alloc(cache, GFP_KERNEL));
	fault_set("off");
	kmem_cache_destroy(cache);
}
END_TEST

TCase *fault_setting_tests(void)
{
	TCase *tc = new_case("fault_settings");

	tcase_add_test(tc, faults_text_is_refused_whole);
	tcase_add_test(tc, faults_from_the_environment);
	tcase_add_test(tc, faults_of_ones_own);
	tcase_add_test(tc, faults_of_ones_own_again);
	tcase_add_test(tc, faults_without_room_are_refused_whole);
	tcase_add_test(tc, faults_know_threads_by_their_beginning);
	tcase_add_test(tc, faults_are_replayed_under_any_schedule);
	tcase_add_test(tc, faults_for_one_after_a_fork);
	return tc;
}
