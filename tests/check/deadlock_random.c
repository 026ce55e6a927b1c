// SPDX-License-Identifier: MIT
/*
 * deadlock_random.c - operations of correct programs under the debug option "deadlock": sleeps without end, elements
 * handed to a thread that frees them, bulks, two pools at once in one order. Nothing is certain that is not so.
 *
 * OPERATIONS=1000000 in the environment makes it a million of them; SEED repeats a run.
 */
#include "scripted.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4
#define OPERATIONS 100000 /* of all threads */
#define HANDED 2          /* the first pools, whose elements another thread may free */
#define POOLS 4

static struct scripted backing[POOLS];
static mempool_t pools[POOLS];

/* A place for an element on its way to the reaper. */
struct parcel {
	_Atomic(void *) element;
	mempool_t *pool;
};
static struct parcel parcels[THREADS];
static atomic_bool reaper_ends;

static void reap(void *unused)
{
	(void)unused;
	while (!atomic_load(&reaper_ends)) {
		for (int i = 0; i < THREADS; i++) {
			void *element = atomic_load(&parcels[i].element);

			if (element == NULL)
				continue;
			mempool_free(element, parcels[i].pool);
			atomic_store(&parcels[i].element, NULL);
		}
		sched_yield();
	}
}

struct player {
	struct worker worker;
	struct parcel *parcel;
	int operations;
	unsigned int seed;
};
static struct player players[THREADS];

static void give_away(struct player *p, void *element, mempool_t *pool)
{
	if (atomic_load(&p->parcel->element) != NULL || pool >= &pools[HANDED]) {
		mempool_free(element, pool);
		return;
	}
	p->parcel->pool = pool;
	atomic_store(&p->parcel->element, element);
}

static void one_element(struct player *p)
{
	mempool_t *pool = &pools[rand_r(&p->seed) % POOLS];

	give_away(p, mempool_alloc(pool, GFP_KERNEL), pool);
}

/* The lower pool first, everywhere: so nobody waits in a circle. */
static void two_pools(struct player *p)
{
	const int low = (int)((unsigned int)rand_r(&p->seed) % (POOLS - 1));
	void *first = mempool_alloc(&pools[low], GFP_KERNEL);
	void *second = mempool_alloc(&pools[low + 1], GFP_KERNEL);

	give_away(p, second, &pools[low + 1]);
	mempool_free(first, &pools[low]);
}

static void bulk(struct player *p)
{
	mempool_t *pool = &pools[rand_r(&p->seed) % POOLS];
	void *elems[2] = {NULL, NULL};

	mempool_alloc_bulk(pool, elems, 2, 0);
	give_away(p, elems[0], pool);
	mempool_free(elems[1], pool);
}

static void play(void *arg)
{
	struct player *p = arg;

	for (int i = 0; i < p->operations; i++) {
		switch (rand_r(&p->seed) % 4) {
		case 0:
			two_pools(p);
			break;
		case 1:
			bulk(p);
			break;
		default:
			one_element(p);
		}
	}
}

static int operations_wanted(void)
{
	const char *wanted = getenv("OPERATIONS");

	return wanted != NULL ? atoi(wanted) : scale(OPERATIONS);
}

START_TEST(deadlock_random_correct_programs)
{
	struct worker reaper;
	const char *wanted = getenv("SEED");
	const unsigned int seed = wanted != NULL ? (unsigned int)strtoul(wanted, NULL, 0) : (unsigned int)now_ns();

	on_all_cpus();
	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_DEADLOCK), 0);
	for (int i = 0; i < POOLS; i++) {
		scripted_pool(&pools[i], &backing[i], 2);
		scripted_set(&backing[i], NULL, true);
		if (i >= HANDED)
			mempool_debug_thread_owned(&pools[i]);
	}
	worker_start(&reaper, reap, NULL);
	for (int i = 0; i < THREADS; i++) {
		players[i].parcel = &parcels[i];
		players[i].operations = operations_wanted() / THREADS;
		players[i].seed = seed + (unsigned int)i;
		worker_start(&players[i].worker, play, &players[i]);
	}
	for (int i = 0; i < THREADS; i++) /* a million take longer than an event may; the case's time limit watches */
		pthread_join(players[i].worker.thread, NULL);
	WAIT_FOR(atomic_load(&parcels[0].element) == NULL && atomic_load(&parcels[1].element) == NULL &&
		 atomic_load(&parcels[2].element) == NULL && atomic_load(&parcels[3].element) == NULL);
	atomic_store(&reaper_ends, true);
	worker_join(&reaper);
	while (reports_pending() > 0) {
		const char *text = expect_report(MEMPOOL_REPORT_BUG, "deadlock");

		ck_assert_msg(strstr(text, "certain") == NULL, "SEED=%u: %s", seed, text);
		ck_assert_msg(strstr(text, "thread owned") == NULL, "SEED=%u: %s", seed, text);
	}
	ck_assert_uint_gt(stats_of(&pools[0]).sleeps, 0);
	for (int i = 0; i < POOLS; i++)
		scripted_exit(&pools[i], &backing[i]);
}
END_TEST

TCase *deadlock_random_tests(void)
{
	TCase *tc = new_case("deadlock_random");

	tcase_set_timeout(tc, 240);
	tcase_add_test(tc, deadlock_random_correct_programs);
	return tc;
}
