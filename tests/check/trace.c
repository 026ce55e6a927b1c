// SPDX-License-Identifier: MIT
/*
 * trace.c - events: which come, in which order, with what arguments; and that they are what the statistics count
 * (extension).
 */
#include "scripted.h"

#include <mempool/mempool-trace.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEEN_MAX 4096

static mempool_t pool;
static struct mempool_trace_event seen[SEEN_MAX];
static int seen_nr;

static int keep(const struct mempool_trace_event *event, void *arg)
{
	(void)arg;
	ck_assert_int_lt(seen_nr, SEEN_MAX);
	if (seen_nr > 0)
		ck_assert_uint_ge(event->time_ns, seen[seen_nr - 1].time_ns);
	seen[seen_nr++] = *event;
	return 0;
}

/* The events so far, in the order of time. */
static void look(void)
{
	seen_nr = 0;
	ck_assert_int_eq(mempool_trace_for_each(0, keep, NULL), 0);
}

static int count_of(unsigned int event)
{
	int nr = 0;

	for (int i = 0; i < seen_nr; i++)
		nr += seen[i].event == event;
	return nr;
}

static const struct mempool_trace_event *first_of(unsigned int event)
{
	for (int i = 0; i < seen_nr; i++)
		if (seen[i].event == event)
			return &seen[i];
	ck_abort_msg("no event %s", mempool_trace_event_name(event));
	return NULL;
}

/* One event that a test expects: its arguments up to the first one that is ANY. */
#define ANY UINT64_MAX
struct expected {
	unsigned int event;
	uint64_t args[MEMPOOL_TRACE_ARGS];
};

/* What came after the last mark is exactly this. */
static void expect_events(const struct expected *expected, int nr)
{
	int start;

	look();
	for (start = seen_nr; start > 0 && seen[start - 1].event != MEMPOOL_TRACE_MARK; start--)
		;
	for (int i = 0; i < nr && start + i < seen_nr; i++) {
		const struct mempool_trace_event *e = &seen[start + i];

		ck_assert_msg(e->event == expected[i].event, "event %d is %s where %s was expected", i,
			      mempool_trace_event_name(e->event), mempool_trace_event_name(expected[i].event));
		for (int a = 0; a < MEMPOOL_TRACE_ARGS && expected[i].args[a] != ANY; a++)
			ck_assert_msg(e->args[a] == expected[i].args[a],
				      "event %d, %s(%s): argument %d is %#lx, not %#lx", i,
				      mempool_trace_event_name(e->event), mempool_trace_event_args(e->event), a,
				      e->args[a], expected[i].args[a]);
		ck_assert_uint_eq(e->pool, mempool_trace_pool(&pool));
		ck_assert_uint_eq(e->thread, (uint32_t)gettid());
	}
	ck_assert_int_eq(seen_nr - start, nr);
}

/* A pool of so many, and a recording in memory, marked where the test begins. */
static void record(int min_nr, const struct mempool_trace_options *options)
{
	scripted_pool(&pool, &bk, min_nr);
	ck_assert_int_eq(mempool_trace_start(NULL, options), 0);
	mempool_trace_mark("begin");
}

static uint64_t address(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

START_TEST(an_allocation_step_by_step)
{
	const gfp_t first = FIRST_MASK(GFP_KERNEL);
	void *a, *b;

	record(2, NULL);
	a = mempool_alloc(&pool, GFP_KERNEL);
	expect_events((struct expected[]){{MEMPOOL_TRACE_PASS_BEGIN, {1, first, 0, 0}},
					  {MEMPOOL_TRACE_ALLOC, {address(a), GFP_KERNEL, 0, 0}}},
		      2);

	/* The first pass fails: the reserve serves, before there is a second one. */
	mempool_trace_mark("first failure");
	scripted_set(&bk, NULL, true);
	b = mempool_alloc(&pool, GFP_KERNEL);
	expect_events((struct expected[]){{MEMPOOL_TRACE_PASS_BEGIN, {1, first, 0, 0}},
					  {MEMPOOL_TRACE_BACKING_FAIL, {first, 2, 0, 0}},
					  {MEMPOOL_TRACE_RESERVE_TAKE, {address(b), 1, 1, 0}},
					  {MEMPOOL_TRACE_ALLOC, {address(b), GFP_KERNEL, 0, 0}}},
		      4);

	/* Any element refills it; when it is full, the backing gets them. */
	mempool_trace_mark("free");
	mempool_free(a, &pool);
	mempool_free(b, &pool);
	expect_events((struct expected[]){{MEMPOOL_TRACE_FREE, {address(a), 0, 0, 0}},
					  {MEMPOOL_TRACE_RESERVE_GIVE, {address(a), 2, 1, 0}},
					  {MEMPOOL_TRACE_FREE, {address(b), 0, 0, 0}},
					  {MEMPOOL_TRACE_BACKING_FREE, {address(b), 0, 0, 0}}},
		      4);
	ck_assert_int_eq(mempool_trace_stop(), 0);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(two_passes_and_a_failure)
{
	const gfp_t first = FIRST_MASK(GFP_KERNEL);
	const gfp_t full = FULL_MASK(GFP_KERNEL);
	const gfp_t atomic = FULL_MASK(GFP_ATOMIC);
	void *element;
	void *taken;

	record(1, NULL);
	scripted_set(&bk, NULL, true);
	taken = mempool_alloc_preallocated(&pool);
	expect_events((struct expected[]){{MEMPOOL_TRACE_RESERVE_TAKE, {address(taken), 0, 1, 0}},
					  {MEMPOOL_TRACE_PREALLOCATED, {address(taken), 0, 0, 0}}},
		      2);

	mempool_trace_mark("the second pass finds something");
	scripted_set(&bk, "-a", true);
	element = mempool_alloc(&pool, GFP_KERNEL);
	expect_events((struct expected[]){{MEMPOOL_TRACE_PASS_BEGIN, {1, first, 0, 0}},
					  {MEMPOOL_TRACE_BACKING_FAIL, {first, 0, 0, 0}},
					  {MEMPOOL_TRACE_PASS_BEGIN, {2, full, 0, 0}},
					  {MEMPOOL_TRACE_ALLOC, {address(element), GFP_KERNEL, 0, 0}}},
		      4);

	mempool_trace_mark("no second pass, and no sleep");
	scripted_set(&bk, NULL, true);
	ck_assert_ptr_null(mempool_alloc(&pool, GFP_ATOMIC));
	expect_events((struct expected[]){{MEMPOOL_TRACE_PASS_BEGIN, {1, atomic, 0, 0}},
					  {MEMPOOL_TRACE_BACKING_FAIL, {atomic, 0, 0, 0}},
					  {MEMPOOL_TRACE_ALLOC_FAIL, {atomic, ENOMEM, 0, 0}}},
		      3);

	mempool_trace_mark("the clock");
	ck_assert_ptr_null(mempool_alloc_timeout(&pool, GFP_KERNEL, 1));
	look();
	ck_assert_int_eq(count_of(MEMPOOL_TRACE_ALLOC_FAIL), 2);
	ck_assert_uint_eq(seen[seen_nr - 1].args[1], ETIMEDOUT);
	mempool_free(taken, &pool);
	mempool_free(element, &pool);
	mempool_trace_stop();
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(sleeping_and_being_woken)
{
	struct sleeper s = {0};
	const struct mempool_trace_event *begin, *wake, *end;
	void *taken;

	scripted_pool(&pool, &bk, 1);
	scripted_drain(&pool, &bk, &taken);
	ck_assert_int_eq(mempool_trace_start(NULL, NULL), 0);
	sleeper_start(&s, &pool);
	wait_for_waiters(&pool, 1);
	/* It is in the queue: from there to the end of its sleep no more is told. */
	mempool_free(taken, &pool);
	sleeper_join(&s);
	ck_assert_ptr_eq(s.element, taken);
	look();
	begin = first_of(MEMPOOL_TRACE_WAIT_BEGIN);
	wake = first_of(MEMPOOL_TRACE_WAKE);
	end = first_of(MEMPOOL_TRACE_WAIT_END);
	ck_assert_uint_eq(begin->thread, end->thread);
	ck_assert_uint_ne(begin->thread, (uint32_t)gettid());
	ck_assert_uint_eq(begin->args[0], 1);
	ck_assert_uint_eq(end->args[1], 0); /* woken */
	ck_assert_uint_eq(wake->thread, (uint32_t)gettid());
	ck_assert_uint_eq(wake->args[0], begin->thread);
	ck_assert_uint_eq(wake->pool, mempool_trace_pool(&pool));
	ck_assert_uint_ge(wake->time_ns, begin->time_ns);
	ck_assert_uint_ge(end->time_ns, wake->time_ns);
	ck_assert_uint_le(end->args[2], end->time_ns);
	mempool_free(s.element, &pool);
	mempool_trace_stop();
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(bulk_resize_and_the_life_of_a_pool)
{
	void *elems[3] = {NULL};
	const struct mempool_trace_event *e;
	uint32_t number;

	ck_assert_int_eq(mempool_trace_start(NULL, NULL), 0);
	scripted_pool(&pool, &bk, 2);
	number = mempool_trace_pool(&pool);
	ck_assert_uint_ne(number, 0);
	scripted_set(&bk, "a", true);
	ck_assert_int_eq(mempool_alloc_bulk(&pool, elems, 3, 0), 0);
	expect_report(MEMPOOL_REPORT_WARNING, "the reserve holds 2");
	look();
	e = first_of(MEMPOOL_TRACE_CREATE);
	ck_assert_uint_eq(e->pool, number);
	ck_assert_uint_eq(e->args[0], 2);
	ck_assert_uint_eq(e->args[1], 2);
	ck_assert_uint_eq(first_of(MEMPOOL_TRACE_RESERVE_TAKE)->args[2], 2);
	ck_assert_uint_eq(first_of(MEMPOOL_TRACE_ALLOC_BULK)->args[0], 3);
	ck_assert_uint_eq(mempool_free_bulk(&pool, elems, 3), 2);
	scripted_free(elems[2], &bk);
	scripted_set(&bk, "a", true);
	ck_assert_int_eq(mempool_resize(&pool, 3), 0);
	look();
	ck_assert_uint_eq(first_of(MEMPOOL_TRACE_FREE_BULK)->args[1], 2);
	e = first_of(MEMPOOL_TRACE_RESIZE);
	ck_assert_uint_eq(e->args[0], 2);
	ck_assert_uint_eq(e->args[1], 3);
	ck_assert_uint_eq(e->args[2], 3);
	ck_assert_int_eq(count_of(MEMPOOL_TRACE_RESERVE_FILL), 1);
	scripted_exit(&pool, &bk);
	look();
	ck_assert_uint_eq(first_of(MEMPOOL_TRACE_DESTROY)->pool, number);
	ck_assert_uint_eq(mempool_trace_pool(&pool), 0);
	mempool_trace_stop();
}
END_TEST

/* What the statistics count, the events tell. */
static void same_as_statistics(void)
{
	struct mempool_statistics st = stats_of(&pool);
	uint64_t taken = 0, given = 0, bulk = 0, bulk_freed = 0;

	look();
	ck_assert_uint_eq(mempool_trace_lost(NULL), 0);
	for (int i = 0; i < seen_nr; i++) {
		const struct mempool_trace_event *e = &seen[i];

		taken += e->event == MEMPOOL_TRACE_RESERVE_TAKE ? e->args[2] : 0;
		given += e->event == MEMPOOL_TRACE_RESERVE_GIVE ? e->args[2] : 0;
		given -= e->event == MEMPOOL_TRACE_RESERVE_FILL ? e->args[1] : 0;
		bulk += e->event == MEMPOOL_TRACE_ALLOC_BULK ? e->args[1] : 0;
		bulk_freed += e->event == MEMPOOL_TRACE_FREE_BULK ? e->args[1] : 0;
	}
	ck_assert_uint_eq(taken, st.from_reserve);
	ck_assert_uint_eq(given, st.to_reserve);
	ck_assert_uint_eq((uint64_t)count_of(MEMPOOL_TRACE_ALLOC) + (uint64_t)count_of(MEMPOOL_TRACE_PREALLOCATED) +
				  bulk,
			  st.allocs);
	ck_assert_uint_eq((uint64_t)count_of(MEMPOOL_TRACE_FREE) + bulk_freed, st.frees);
	ck_assert_int_eq(count_of(MEMPOOL_TRACE_BACKING_FREE), (int)(st.frees - st.to_reserve));
	ck_assert_int_eq(count_of(MEMPOOL_TRACE_BACKING_FAIL), (int)st.backing_failures);
	ck_assert_int_eq(count_of(MEMPOOL_TRACE_ALLOC_FAIL), (int)st.failures);
}

START_TEST(the_events_are_what_the_statistics_count)
{
	void *elems[40];
	unsigned int seed = 7;
	int nr = 0;

	ck_assert_int_eq(mempool_trace_start(NULL, NULL), 0);
	scripted_pool(&pool, &bk, 5);
	for (int i = 0; i < 500; i++) {
		scripted_set(&bk, NULL, rand_r(&seed) % 3 == 0);
		if (nr < 36 && rand_r(&seed) % 2) {
			void *p = rand_r(&seed) % 8 ? mempool_alloc(&pool, GFP_ATOMIC)
						    : mempool_alloc_preallocated(&pool);

			if (p)
				elems[nr++] = p;
		} else if (nr > 4 && rand_r(&seed) % 8 == 0) {
			unsigned int freed = mempool_free_bulk(&pool, &elems[nr - 4], 4);

			for (int k = (int)freed; k < 4; k++)
				scripted_free(elems[nr - 4 + k], &bk);
			nr -= 4;
		} else if (nr > 0) {
			mempool_free(elems[--nr], &pool);
		}
	}
	same_as_statistics();
	scripted_set(&bk, NULL, false);
	while (nr > 0)
		mempool_free(elems[--nr], &pool);
	mempool_trace_stop();
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(the_ready_made_backings_tell_as_much)
{
	struct mempool_statistics st;
	mempool_t *kmalloced;
	void *elems[10];

	kmalloced = mempool_create_kmalloc_pool(3, 100);
	ck_assert_ptr_nonnull(kmalloced);
	ck_assert_int_eq(mempool_trace_start(NULL, NULL), 0);
	for (int i = 0; i < 10; i++)
		elems[i] = mempool_alloc(kmalloced, GFP_KERNEL);
	for (int i = 0; i < 10; i++)
		mempool_free(elems[i], kmalloced);
	look();
	st = stats_of(kmalloced);
	ck_assert_uint_eq(st.allocs, 10);
	ck_assert_int_eq(count_of(MEMPOOL_TRACE_ALLOC), 10);
	ck_assert_int_eq(count_of(MEMPOOL_TRACE_FREE), 10);
	ck_assert_int_eq(count_of(MEMPOOL_TRACE_BACKING_FREE), 10);
	ck_assert_uint_eq(first_of(MEMPOOL_TRACE_PRESENT)->pool, mempool_trace_pool(kmalloced));
	mempool_trace_stop();
	/* Without a recording the short way is back, and nothing is told. */
	mempool_free(mempool_alloc(kmalloced, GFP_KERNEL), kmalloced);
	look();
	ck_assert_int_eq(count_of(MEMPOOL_TRACE_ALLOC), 10);
	mempool_destroy(kmalloced);
}
END_TEST

START_TEST(call_stacks_are_kept_when_asked_for)
{
	struct mempool_trace_options options = {.size = sizeof(options), .flags = MEMPOOL_TRACE_STACKS};
	int stacks = 0;

	record(1, &options);
	for (int i = 0; i < 10; i++)
		mempool_free(mempool_alloc(&pool, GFP_KERNEL), &pool);
	look();
	for (int i = 0; i < seen_nr; i++)
		stacks += seen[i].event == MEMPOOL_TRACE_ALLOC && seen[i].stack != 0 &&
			  seen[i].stack == first_of(MEMPOOL_TRACE_ALLOC)->stack;
	ck_assert_int_eq(stacks, 10);
	ck_assert_uint_ne(first_of(MEMPOOL_TRACE_FREE)->stack, first_of(MEMPOOL_TRACE_ALLOC)->stack);
	mempool_trace_stop();
	scripted_exit(&pool, &bk);
}
END_TEST

TCase *trace_tests(void)
{
	TCase *c = new_case("trace");

	tcase_add_test(c, an_allocation_step_by_step);
	tcase_add_test(c, two_passes_and_a_failure);
	tcase_add_test(c, sleeping_and_being_woken);
	tcase_add_test(c, bulk_resize_and_the_life_of_a_pool);
	tcase_add_test(c, the_events_are_what_the_statistics_count);
	tcase_add_test(c, the_ready_made_backings_tell_as_much);
	tcase_add_test(c, call_stacks_are_kept_when_asked_for);
	return c;
}
