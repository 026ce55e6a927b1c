// SPDX-License-Identifier: MIT
/*
 * sized.c - what size.sh records: loads whose right answer is known, as each thing happens after another. Writes a
 * recording: sized LOAD FILE; then with "wait" it stays until its standard input ends.
 */
#include <mempool/mempool-stats.h>
#include <mempool/mempool-trace.h>
#include <mempool/mempool.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST 16
#define DEADLINE_S 30

static const char *path;
static mempool_t *pool;
static void *elements[MOST];
static int held;
static enum { GIVES, GIVES_TO_WHO_RECLAIMS, GIVES_NOTHING } backing;

static void *give(gfp_t gfp_mask, void *pool_data)
{
	(void)pool_data;
	if (backing == GIVES_NOTHING || (backing == GIVES_TO_WHO_RECLAIMS && !(gfp_mask & __GFP_DIRECT_RECLAIM)))
		return NULL;
	return malloc(32);
}

static void take_back(void *element, void *pool_data)
{
	(void)pool_data;
	free(element);
}

static void make(const char *name, int min_nr)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;

	backing = GIVES;
	attr.name = name;
	pool = mempool_create_attr(min_nr, give, take_back, NULL, &attr);
	if (pool == NULL)
		exit(2);
}

static void record(void)
{
	if (mempool_trace_start(path, NULL) != 0)
		exit(2);
}

static void take(int count, gfp_t gfp_mask)
{
	while (count-- > 0) {
		void *element = mempool_alloc(pool, gfp_mask);

		if (element != NULL)
			elements[held++] = element;
	}
}

/* The newest first. */
static void give_back(int count)
{
	while (count-- > 0 && held > 0)
		mempool_free(elements[--held], pool);
}

static void *sleeper(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "sleeper");
	mempool_free(mempool_alloc(pool, GFP_KERNEL), pool);
	return NULL;
}

static void wait_for_waiter(void)
{
	struct mempool_statistics now = {.size = sizeof(now)};
	const time_t deadline = time(NULL) + DEADLINE_S;

	do {
		if (mempool_stats(pool, &now) != 0 || time(NULL) > deadline)
			exit(3);
		usleep(1000);
	} while (now.waiters == 0);
}

/* The backing serves all: 1, as there is no less. */
static void untouched(void)
{
	make("untouched", 4);
	record();
	take(10, GFP_KERNEL);
}

/* 5 out, 3 left, 7 out: 7. */
static void peak(void)
{
	make("peak", 10);
	record();
	backing = GIVES_NOTHING;
	take(5, GFP_KERNEL);
	give_back(2);
	take(4, GFP_KERNEL);
	give_back(7);
	take(3, GFP_KERNEL);
}

/* What the backing gives meanwhile fills the reserve when it comes back: 3, not 5. */
static void refilled(void)
{
	make("refilled", 5);
	record();
	take(2, GFP_KERNEL);
	backing = GIVES_NOTHING;
	take(2, GFP_KERNEL);
	mempool_free(elements[0], pool);
	mempool_free(elements[1], pool);
	elements[0] = elements[2];
	elements[1] = elements[3];
	held = 2;
	take(3, GFP_KERNEL);
}

/* 2 succeed, 2 fail: 4. */
static void failures(void)
{
	make("failures", 2);
	record();
	backing = GIVES_NOTHING;
	take(4, GFP_NOWAIT);
}

/* One holds the only element, another sleeps for it: 2. */
static void sleeping(void)
{
	pthread_t thread;

	make("sleeping", 1);
	record();
	backing = GIVES_NOTHING;
	take(1, GFP_KERNEL);
	if (pthread_create(&thread, NULL, sleeper, NULL) != 0)
		exit(2);
	wait_for_waiter();
	give_back(1);
	pthread_join(thread, NULL);
}

/* 5 at once, and 3 while those are out: 8. Of the first, the backing had 2. */
static void bulk(void)
{
	void *others[MOST] = {NULL};

	make("bulk", 9);
	record();
	take(2, GFP_KERNEL); /* and these stay */
	backing = GIVES_NOTHING;
	memset(elements + held, 0, 5 * sizeof(*elements));
	if (mempool_alloc_bulk(pool, elements + held, 5, 0) != 0 || mempool_alloc_bulk(pool, others, 3, 0) != 0)
		exit(2);
	held += 5;
	mempool_free_bulk(pool, others, 3);
	mempool_free_bulk(pool, elements + held - 5, 5);
	held -= 5;
	take(4, GFP_KERNEL);
}

/* Whom the reserve cannot serve, the second pass does. Of those that it served nobody knows: 3. */
static void second_pass(void)
{
	make("second pass", 3);
	record();
	backing = GIVES_TO_WHO_RECLAIMS;
	take(5, GFP_KERNEL);
}

/* 3 were out before anybody looked, and come back to a reserve that lacks 2: then 4 go. */
static void joined_late(void)
{
	make("joined late", 6);
	take(3, GFP_KERNEL);
	record();
	backing = GIVES_NOTHING;
	take(2, GFP_KERNEL);
	for (int i = 0; i < 3; i++)
		mempool_free(elements[i], pool);
	elements[0] = elements[3];
	elements[1] = elements[4];
	held = 2;
	take(4, GFP_KERNEL);
}

/* 4 of the reserve are out at first, and nobody needs it: 1. */
static void joined_quiet(void)
{
	make("joined quiet", 6);
	backing = GIVES_NOTHING;
	take(4, GFP_KERNEL);
	backing = GIVES;
	record();
	take(3, GFP_KERNEL);
	give_back(7);
}

/* 4 of the reserve are out at first and come back, then 2 go: 2. */
static void joined_back(void)
{
	make("joined back", 6);
	backing = GIVES_NOTHING;
	take(4, GFP_KERNEL);
	record();
	give_back(4);
	take(2, GFP_KERNEL);
}

/* Never more than 6 of the backing's are out: what an outage would need. */
static void ordinary(void)
{
	make("ordinary", 2);
	record();
	take(6, GFP_KERNEL);
	give_back(6);
	take(3, GFP_KERNEL);
	give_back(3);
}

/* The latest answer is for the reserve as it is now, and says so. */
static void resized(void)
{
	make("resized", 2);
	record();
	if (mempool_resize(pool, 5) != 0)
		exit(2);
	backing = GIVES_NOTHING;
	take(4, GFP_KERNEL);
}

static void two_pools(void)
{
	peak();
	give_back(MOST);
	make("another", 3);
	backing = GIVES_NOTHING;
	take(2, GFP_KERNEL);
}

static const struct {
	const char *name;
	void (*run)(void);
} loads[] = {
	{"untouched", untouched},       {"peak", peak},
	{"refilled", refilled},         {"failures", failures},
	{"sleeping", sleeping},         {"bulk", bulk},
	{"second_pass", second_pass},   {"joined_late", joined_late},
	{"joined_quiet", joined_quiet}, {"joined_back", joined_back},
	{"ordinary", ordinary},         {"resized", resized},
	{"two_pools", two_pools},
};

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	path = argv[2];
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		if (strcmp(loads[i].name, argv[1]) != 0)
			continue;
		loads[i].run();
		if (argc > 3) {
			puts("ready");
			fflush(stdout);
			while (getchar() != EOF) {}
		}
		mempool_trace_stop();
		return 0;
	}
	return 2;
}
