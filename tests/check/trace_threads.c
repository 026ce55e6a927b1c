// SPDX-License-Identifier: MIT
/*
 * trace_threads.c - recording by many threads, and in signal handlers; what does not fit is counted (extension).
 */
#include "scripted.h"

#include <mempool/mempool-trace.h>

#include <signal.h>
#include <string.h>
#include <sys/time.h>

static mempool_t pool;
static int counts[MEMPOOL_TRACE_ID_COUNT];
static int seen_nr;
static struct mempool_trace_event newest;

static int count(const struct mempool_trace_event *event, void *arg)
{
	(void)arg;
	ck_assert_uint_lt(event->event, MEMPOOL_TRACE_ID_COUNT);
	if (seen_nr > 0)
		ck_assert_uint_ge(event->time_ns, newest.time_ns);
	newest = *event;
	counts[event->event]++;
	seen_nr++;
	return 0;
}

static void look(void)
{
	memset(counts, 0, sizeof(counts));
	seen_nr = 0;
	ck_assert_int_eq(mempool_trace_for_each(0, count, NULL), 0);
}

START_TEST(what_is_overwritten_is_counted)
{
	struct mempool_trace_options options = {.size = sizeof(options), .events = 10, .threads = 1};
	struct mempool_trace_losses losses = {.size = sizeof(losses)};

	ck_assert_int_eq(mempool_trace_start(NULL, &options), 0);
	for (int i = 0; i < 99; i++)
		mempool_trace_mark(i == 98 ? "last" : "one of many");
	look();
	/* A power of two; and the thread's own first event was one, too. */
	ck_assert_int_eq(seen_nr, 16);
	ck_assert_uint_eq(mempool_trace_lost(&losses), 100 - 16);
	ck_assert_uint_eq(losses.overwritten, 100 - 16);
	ck_assert_uint_eq(losses.unplaced, 0);
	ck_assert_int_eq(memcmp(newest.args, "last\0\0\0", 8), 0);
	ck_assert_uint_eq(newest.number, 99);
	mempool_trace_stop();
	ck_assert_uint_eq(mempool_trace_lost(NULL), 84);
}
END_TEST

static void mark_some(void *arg)
{
	for (int i = 0; i < *(int *)arg; i++)
		mempool_trace_mark("worker");
}

static pthread_barrier_t all_marked;

static void mark_and_wait(void *arg)
{
	mark_some(arg);
	pthread_barrier_wait(&all_marked);
	pthread_barrier_wait(&all_marked);
}

START_TEST(threads_without_a_ring_are_counted)
{
	struct mempool_trace_options options = {.size = sizeof(options), .threads = 3};
	struct mempool_trace_losses losses = {.size = sizeof(losses)};
	struct worker w[5];
	int marks = 4;

	ck_assert_int_eq(mempool_trace_start(NULL, &options), 0);
	pthread_barrier_init(&all_marked, NULL, 6);
	for (int i = 0; i < 5; i++)
		worker_start(&w[i], mark_and_wait, &marks);
	pthread_barrier_wait(&all_marked);
	look();
	ck_assert_int_eq(counts[MEMPOOL_TRACE_MARK], 3 * marks);
	ck_assert_int_eq(counts[MEMPOOL_TRACE_THREAD], 3);
	ck_assert_uint_eq(mempool_trace_lost(&losses), (uint64_t)(2 * marks));
	ck_assert_uint_eq(losses.unplaced, (uint64_t)(2 * marks));
	ck_assert_uint_eq(losses.threads, 2);
	pthread_barrier_wait(&all_marked);
	for (int i = 0; i < 5; i++)
		worker_join(&w[i]);
	mempool_trace_stop();
}
END_TEST

START_TEST(a_ring_passes_from_the_dead_to_the_living)
{
	struct mempool_trace_options options = {.size = sizeof(options), .threads = 2};
	int marks = 2;

	ck_assert_int_eq(mempool_trace_start(NULL, &options), 0);
	mempool_trace_mark("first");
	for (int i = 0; i < 10; i++) {
		struct worker w;

		worker_start(&w, mark_some, &marks);
		worker_join(&w);
		/* A joined thread may still be on its way out of the kernel. */
	}
	look();
	ck_assert_uint_eq((uint64_t)counts[MEMPOOL_TRACE_MARK] + mempool_trace_lost(NULL), 1 + 20);
	ck_assert_int_ge(counts[MEMPOOL_TRACE_THREAD], 3);
	mempool_trace_stop();
}
END_TEST

#define WRITERS 4

static void alloc_and_free(void *arg)
{
	for (int i = 0; i < *(int *)arg; i++) {
		void *p = mempool_alloc(&pool, GFP_ATOMIC);

		if (p)
			mempool_free(p, &pool);
	}
}

START_TEST(threads_record_while_others_read_and_stop)
{
	struct mempool_trace_options options = {.size = sizeof(options), .events = 64};
	struct worker w[WRITERS];
	int rounds = scale(20000);

	on_all_cpus();
	scripted_pool(&pool, &bk, 4);
	for (int i = 0; i < WRITERS; i++)
		worker_start(&w[i], alloc_and_free, &rounds);
	for (int i = 0; i < scale(50); i++) {
		ck_assert_int_eq(mempool_trace_start(NULL, &options), 0);
		look(); /* its checks are the test: whole events, in order */
		ck_assert_int_eq(mempool_trace_stop(), 0);
		look();
	}
	for (int i = 0; i < WRITERS; i++)
		worker_join(&w[i]);
	scripted_exit(&pool, &bk);
}
END_TEST

static volatile sig_atomic_t handled;

static void mark_in_handler(int signal_number)
{
	const struct itimerval never = {{0, 0}, {0, 0}};

	(void)signal_number;
	mempool_trace_mark("handler");
	/* On a busy machine one signal comes after the other, and nobody else gets to end it. */
	if (++handled >= 300)
		setitimer(ITIMER_REAL, &never, NULL);
}

struct tally {
	int main;
	int handler;
	uint64_t last_ns;
};

static int tally_marks(const struct mempool_trace_event *event, void *arg)
{
	struct tally *t = arg;

	ck_assert_uint_ge(event->time_ns, t->last_ns);
	t->last_ns = event->time_ns;
	if (event->event == MEMPOOL_TRACE_MARK)
		++*(memcmp(event->args, "handler", 8) ? &t->main : &t->handler);
	return 0;
}

START_TEST(a_handler_records_within_an_event)
{
	struct sigaction action = {.sa_handler = mark_in_handler, .sa_flags = SA_RESTART};
	struct mempool_trace_options options = {.size = sizeof(options), .events = 1 << 20, .threads = 1};
	struct itimerval often = {{0, 20}, {0, 20}};
	struct itimerval never = {{0, 0}, {0, 0}};
	struct tally t = {0};
	int marks = 0;

	/* So often that handlers interrupt the recording of events, in all its places. */
	sigaction(SIGALRM, &action, NULL);
	ck_assert_int_eq(mempool_trace_start(NULL, &options), 0);
	setitimer(ITIMER_REAL, &often, NULL);
	for (; handled < 300 && marks < 900000; marks++)
		mempool_trace_mark("main");
	setitimer(ITIMER_REAL, &never, NULL);
	ck_assert_int_gt(handled, 0);
	ck_assert_uint_eq(mempool_trace_lost(NULL), 0);
	ck_assert_int_eq(mempool_trace_for_each(0, tally_marks, &t), 0);
	ck_assert_int_eq(t.main, marks);
	ck_assert_int_eq(t.handler, handled);
	ck_assert_int_eq(mempool_trace_stop(), 0);
}
END_TEST

TCase *trace_threads_tests(void)
{
	TCase *c = new_case("trace_threads");

	tcase_add_test(c, what_is_overwritten_is_counted);
	tcase_add_test(c, threads_without_a_ring_are_counted);
	tcase_add_test(c, a_ring_passes_from_the_dead_to_the_living);
	tcase_add_test(c, threads_record_while_others_read_and_stop);
	tcase_add_test(c, a_handler_records_within_an_event);
	return c;
}
