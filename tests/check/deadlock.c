// SPDX-License-Identifier: MIT
/*
 * deadlock.c - the debug option "deadlock": threads that wait for themselves are reported before they hang, with the
 * stacks of all of them; certain, or only possible; and correct programs are left alone.
 */
#include "scripted.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 3

static struct scripted backing[MOST];
static mempool_t pools[MOST];
static pthread_barrier_t barrier;

static void dry_pools(int count, int min_nr)
{
	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_DEADLOCK), 0);
	for (int i = 0; i < count; i++) {
		scripted_pool(&pools[i], &backing[i], min_nr);
		scripted_set(&backing[i], NULL, true);
	}
}

static void end_pools(int count)
{
	for (int i = 0; i < count; i++)
		scripted_exit(&pools[i], &backing[i]);
}

/* taker - takes an element of each of two pools, and meets the others in between. */
struct taker {
	mempool_t *first, *second;
	void *elems[2];
	struct worker worker;
};
static struct taker takers[MOST];

static void take_crossed(void *arg)
{
	struct taker *t = arg;

	t->elems[0] = mempool_alloc(t->first, GFP_KERNEL);
	pthread_barrier_wait(&barrier);
	t->elems[1] = mempool_alloc(t->second, GFP_KERNEL);
}

static void take_in_a_loop(void *arg)
{
	struct taker *t = arg;

	for (volatile int i = 0; i < 2; i++) { /* volatile: the compiler is to leave it a loop */
		t->elems[i] = mempool_alloc(t->first, GFP_KERNEL);
		if (i == 0)
			pthread_barrier_wait(&barrier);
	}
}

/* Starts so many, each from pool i to pool i + 1 of @pools_used, and waits until all sleep. */
static void start_takers(int count, int pools_used, void (*run)(void *))
{
	ck_assert_int_eq(pthread_barrier_init(&barrier, NULL, (unsigned)count), 0);
	for (int i = 0; i < count; i++) {
		takers[i].first = &pools[i % pools_used];
		takers[i].second = &pools[(i + 1) % pools_used];
		worker_start(&takers[i].worker, run, &takers[i]);
	}
	for (int i = 0; i < pools_used; i++)
		wait_for_waiters(&pools[i], count / pools_used);
}

/* The reports that all threads of a deadlock make; the headline comes first. */
static void expect_deadlock(const char *headline, int threads)
{
	char part[64];

	WAIT_FOR(reports_pending() >= threads + 1);
	expect_report(MEMPOOL_REPORT_BUG, headline);
	for (int i = 0; i < threads; i++) {
		snprintf(part, sizeof(part), "deadlock, thread %d of %d:", i + 1, threads);
		const char *text = expect_report(MEMPOOL_REPORT_BUG, part);

		ck_assert_ptr_nonnull(strstr(text, "waits at"));
		ck_assert_ptr_nonnull(strstr(text, "taken at"));
		ck_assert_msg(has_own_code_address(text), "no stack address in: %s", text);
	}
	ck_assert_int_eq(reports_pending(), 0);
}

/* What a watchdog would do: it gives one thread's element back, so that the next can go on, and so on. */
static void unravel(int count)
{
	int64_t give_up = now_ns() + deadline_ns();
	bool freed[MOST][2] = {{false}};
	int done = 0;

	mempool_free(takers[0].elems[0], takers[0].first);
	freed[0][0] = true;
	while (done < count) {
		ck_assert_msg(now_ns() < give_up, "the threads do not go on");
		done = 0;
		for (int i = 0; i < count; i++) {
			if (!atomic_load(&takers[i].worker.done))
				continue;
			done++;
			for (int j = 0; j < 2; j++)
				if (!freed[i][j])
					mempool_free(takers[i].elems[j], takers[i].second != NULL && j == 1
										 ? takers[i].second
										 : takers[i].first);
			freed[i][0] = freed[i][1] = true;
		}
		poll_pause();
	}
	for (int i = 0; i < count; i++)
		worker_join(&takers[i].worker);
}

START_TEST(deadlock_two_pools_crossed)
{
	dry_pools(2, 1);
	start_takers(2, 2, take_crossed);
	/* This thread could have been handed an element. */
	expect_deadlock("deadlock possible: threads hold what others wait for", 2);
	unravel(2);
	end_pools(2);
}
END_TEST

START_TEST(deadlock_two_pools_crossed_is_certain_where_threads_own)
{
	dry_pools(2, 1);
	mempool_debug_thread_owned(&pools[0]);
	mempool_debug_thread_owned(&pools[1]);
	start_takers(2, 2, take_crossed);
	expect_deadlock("deadlock certain: threads hold what others wait for", 2);
	unravel(2); /* by which this thread breaks the promise */
	WAIT_FOR(reports_pending() >= 1);
	while (reports_pending() > 0)
		expect_report(MEMPOOL_REPORT_BUG, "freed by another thread than took it");
	end_pools(2);
}
END_TEST

START_TEST(deadlock_through_three_threads)
{
	dry_pools(3, 1);
	start_takers(3, 3, take_crossed);
	expect_deadlock("deadlock possible: threads hold what others wait for", 3);
	unravel(3);
	end_pools(3);
}
END_TEST

/* PAR-18. */
START_TEST(deadlock_loops_that_should_be_bulk)
{
	dry_pools(1, 2);
	for (int i = 0; i < 2; i++)
		takers[i].second = NULL;
	ck_assert_int_eq(pthread_barrier_init(&barrier, NULL, 2), 0);
	for (int i = 0; i < 2; i++) {
		takers[i].first = &pools[0];
		takers[i].second = NULL;
		worker_start(&takers[i].worker, take_in_a_loop, &takers[i]);
	}
	wait_for_waiters(&pools[0], 2);
	WAIT_FOR(reports_pending() >= 5);
	/* The first to sleep is told what may come of it, the second that it has come. */
	expect_report(MEMPOOL_REPORT_BUG,
		      "deadlock possible: a loop of single allocations that should be mempool_alloc_bulk()");
	expect_report(MEMPOOL_REPORT_BUG, "deadlock, thread 1 of 1:");
	expect_deadlock("deadlock possible: a loop of single allocations that should be mempool_alloc_bulk()", 2);
	unravel(2);
	end_pools(1);
}
END_TEST

static void take_nested(void *arg)
{
	struct taker *t = arg;

	t->elems[0] = mempool_alloc(t->first, GFP_KERNEL);
	t->elems[1] = mempool_alloc(t->first, GFP_KERNEL); /* at another place */
}

START_TEST(deadlock_one_pool_nested)
{
	dry_pools(1, 1);
	takers[0].first = &pools[0];
	takers[0].second = NULL;
	worker_start(&takers[0].worker, take_nested, &takers[0]);
	expect_deadlock("deadlock possible: allocations while the thread holds elements of the same pool", 1);
	unravel(1);
	end_pools(1);
}
END_TEST

/* Another thread has an element too, so the one that nests can go on: nothing hangs yet, and it is said all the same.
 */
START_TEST(deadlock_nesting_is_told_before_it_meets_another)
{
	void *mine;

	dry_pools(1, 2);
	mine = mempool_alloc(&pools[0], GFP_KERNEL);
	takers[0].first = &pools[0];
	takers[0].second = NULL;
	worker_start(&takers[0].worker, take_nested, &takers[0]);
	WAIT_FOR(reports_pending() >= 2);
	ck_assert_ptr_nonnull(strstr(expect_report(MEMPOOL_REPORT_BUG, "deadlock possible: allocations while"),
				     "two threads that do so"));
	expect_report(MEMPOOL_REPORT_BUG, "deadlock, thread 1 of 1:");
	mempool_free(mine, &pools[0]);
	WAIT_FOR(atomic_load(&takers[0].worker.done));
	worker_join(&takers[0].worker);
	for (int i = 0; i < 2; i++)
		mempool_free(takers[0].elems[i], &pools[0]);
	end_pools(1);
}
END_TEST

/* Sleepers who will be served, because somebody awake holds what they need, or because the reserve is not empty. */
START_TEST(deadlock_no_report_while_somebody_can_free)
{
	static struct sleeper s;
	void *elems[2];

	dry_pools(1, 2);
	elems[0] = mempool_alloc(&pools[0], GFP_KERNEL);
	elems[1] = mempool_alloc(&pools[0], GFP_KERNEL);
	s = (struct sleeper){.count = 2};
	sleeper_start(&s, &pools[0]);
	wait_for_waiters(&pools[0], 1);
	mempool_free(elems[0], &pools[0]);
	mempool_free(elems[1], &pools[0]);
	sleeper_join(&s);
	ck_assert_int_eq(reports_pending(), 0);
	mempool_free(s.elems[0], &pools[0]);
	mempool_free(s.elems[1], &pools[0]);
	end_pools(1);
}
END_TEST

/* Who has a deadline goes on by itself. */
START_TEST(deadlock_no_report_with_a_deadline)
{
	void *element;

	dry_pools(1, 1);
	element = mempool_alloc(&pools[0], GFP_KERNEL);
	ck_assert_ptr_null(mempool_alloc_timeout(&pools[0], GFP_KERNEL, 10000000));
	ck_assert_int_eq(reports_pending(), 0);
	mempool_free(element, &pools[0]);
	end_pools(1);
}
END_TEST

START_TEST(deadlock_promise_broken)
{
	static struct taker t;
	void *element;

	dry_pools(1, 1);
	mempool_debug_thread_owned(&pools[0]);
	element = mempool_alloc(&pools[0], GFP_KERNEL);
	mempool_free(element, &pools[0]);
	ck_assert_int_eq(reports_pending(), 0);
	t.first = &pools[0];
	ck_assert_int_eq(pthread_barrier_init(&barrier, NULL, 1), 0);
	scripted_set(&backing[0], NULL, false);
	worker_start(&t.worker, take_in_a_loop, &t);
	worker_join(&t.worker);
	mempool_free(t.elems[0], &pools[0]);
	expect_report(MEMPOOL_REPORT_BUG,
		      "freed by another thread than took it, though the pool was said to be thread");
	mempool_free(t.elems[1], &pools[0]); /* told once */
	ck_assert_int_eq(reports_pending(), 0);
	end_pools(1);
}
END_TEST

/* A backing that has one element, for a process without Check's assertions. */
static void *alloc_one(gfp_t gfp_mask, void *pool_data)
{
	bool *given = pool_data;
	void *element = *given ? NULL : malloc(16);

	(void)gfp_mask;
	*given = true;
	return element;
}

static void free_one(void *element, void *pool_data)
{
	(void)pool_data;
	free(element);
}

/* In a process of its own, where all threads take part: "deadlock-abort" ends it. */
static void *cross(void *arg)
{
	take_crossed(arg);
	return NULL;
}

int deadlock_child(void)
{
	struct taker *main_thread = &takers[1];
	pthread_t other;

	static bool given[2];

	for (int i = 0; i < 2; i++)
		if (mempool_init(&pools[i], 1, alloc_one, free_one, &given[i]) != 0)
			return 2;
	pthread_barrier_init(&barrier, NULL, 2);
	takers[0].first = main_thread->second = &pools[0];
	takers[0].second = main_thread->first = &pools[1];
	if (pthread_create(&other, NULL, cross, &takers[0]) != 0)
		return 3;
	take_crossed(main_thread);
	return 1;
}

START_TEST(deadlock_certain_where_all_threads_sleep)
{
	static struct child_result child;

	if (under("tsan"))
		return; /* it has a thread of its own, which takes no part */
	child_exec(&child, "deadlock", "deadlock-abort");
	ck_assert_killed(&child, SIGABRT);
	ck_assert_ptr_nonnull(strstr(child.output, "deadlock certain: threads hold what others wait for"));
	ck_assert_ptr_nonnull(strstr(child.output, "thread 2 of 2"));
	ck_assert_ptr_nonnull(strstr(child.output, "as MEMPOOL_DEBUG=deadlock-abort asks"));
}
END_TEST

static int take_another(void *unused)
{
	(void)unused;
	mempool_set_report_fn(NULL, NULL);
	mempool_debug_set(MEMPOOL_DEBUG_DEADLOCK | MEMPOOL_DEBUG_DEADLOCK_ABORT);
	return mempool_alloc(&pools[0], GFP_KERNEL) != NULL;
}

/* The threads that a child does not have take no part, neither as sleepers nor as calls that may free an element. */
START_TEST(deadlock_in_a_forked_child)
{
	static struct child_result child;
	static struct sleeper s;
	void *element;

	dry_pools(1, 1);
	element = mempool_alloc(&pools[0], GFP_KERNEL);
	sleeper_start(&s, &pools[0]);
	wait_for_waiters(&pools[0], 1);
	child_run(&child, take_another, NULL);
	ck_assert_killed(&child, SIGABRT);
	ck_assert_ptr_nonnull(strstr(child.output, "deadlock certain: allocations while the thread holds elements"));
	ck_assert_ptr_nonnull(strstr(child.output, "thread 1 of 1"));
	mempool_free(element, &pools[0]);
	sleeper_join(&s);
	mempool_free(s.element, &pools[0]);
	end_pools(1);
}
END_TEST

TCase *deadlock_tests(void)
{
	TCase *tc = new_case("deadlock");

	tcase_add_test(tc, deadlock_two_pools_crossed);
	tcase_add_test(tc, deadlock_two_pools_crossed_is_certain_where_threads_own);
	tcase_add_test(tc, deadlock_through_three_threads);
	tcase_add_test(tc, deadlock_loops_that_should_be_bulk);
	tcase_add_test(tc, deadlock_one_pool_nested);
	tcase_add_test(tc, deadlock_nesting_is_told_before_it_meets_another);
	tcase_add_test(tc, deadlock_no_report_while_somebody_can_free);
	tcase_add_test(tc, deadlock_no_report_with_a_deadline);
	tcase_add_test(tc, deadlock_promise_broken);
	tcase_add_test(tc, deadlock_certain_where_all_threads_sleep);
	tcase_add_test(tc, deadlock_in_a_forked_child);
	return tc;
}
