// SPDX-License-Identifier: MIT
/*
 * cost.c - what fault injection costs: pairs of allocation and free, with
 * nothing armed, and with points that are armed but do not hit.
 *
 *	chrt -f 50 taskset -c 1 build/bench/faults-cost [ROUNDS]
 *
 * All ways are measured in turn, round by round, and of each the least is given
 * and the median, in ns a pair. To compare two libraries, run it in turn with
 * the one and the other by LD_LIBRARY_PATH.
 */
#include <mempool/fault-inject.h>
#include <mempool/mempool.h>
#include <mempool/slab.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { most_rounds = 1001, pairs = 20000 };

static struct kmem_cache *cache;
static mempool_t *pool;

static void pairs_of_cache(void)
{
	for (int i = 0; i < pairs; i++)
		kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_NOWAIT));
}

static void pairs_of_kmalloc(void)
{
	for (int i = 0; i < pairs; i++)
		kfree(kmalloc(64, GFP_NOWAIT));
}

static void pairs_of_pool(void)
{
	for (int i = 0; i < pairs; i++)
		mempool_free(mempool_alloc(pool, GFP_NOWAIT), pool);
}

static const struct what {
	const char *name;
	void (*run)(void);
} whats[] = {
	{"kmem_cache_alloc", pairs_of_cache}, {"kmalloc", pairs_of_kmalloc}, {"mempool_alloc, slab", pairs_of_pool}};

static const struct way {
	const char *name;
	const char *text;
} ways[] = {
	{"not armed", "off"},
	{"watched: a point of nobody's is armed", "off;fail_mempool_resize:probability=100"},
	{"for another pool, another cache", "off;fail_mempool_alloc@other=1,100,0,-1;failslab@other=1,100,0,-1"},
	{"its times are over", "off;fail_mempool_alloc=1,100,0,0;failslab=1,100,0,0"},
	{"each is counted, by interval", "off;fail_mempool_alloc=4294967295,100,0,-1;failslab=4294967295,100,0,-1"},
	{"each is drawn, 1 of 100 hits", "off;fail_mempool_alloc:probability=1,interval=1,times=-1,verbose=0"},
};

enum { what_count = sizeof(whats) / sizeof(whats[0]), way_count = sizeof(ways) / sizeof(ways[0]) };

static double ns[what_count][way_count][most_rounds];

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void set(const char *text)
{
	if (mempool_fault_apply(0, text, NULL) != 0) {
		fprintf(stderr, "'%s' is refused\n", text);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 101;

	if (rounds < 1 || rounds > most_rounds) {
		fprintf(stderr, "usage: %s [ROUNDS, 1 to %d]\n", argv[0], most_rounds);
		return 2;
	}
	cache = kmem_cache_create("own", 64, 0, 0, NULL);
	pool = mempool_create_slab_pool(16, cache);
	if (cache == NULL || pool == NULL)
		return 1;
	for (int r = 0; r < rounds; r++) {
		for (int k = 0; k < way_count; k++) {
			set(ways[k].text);
			for (int w = 0; w < what_count; w++) {
				const double begin = now_ns();

				whats[w].run();
				ns[w][k][r] = (now_ns() - begin) / pairs;
			}
		}
	}
	printf("%-40s", "ns a pair: least, median");
	for (int w = 0; w < what_count; w++)
		printf("%22s", whats[w].name);
	for (int k = 0; k < way_count; k++) {
		printf("\n%-40s", ways[k].name);
		for (int w = 0; w < what_count; w++) {
			qsort(ns[w][k], (size_t)rounds, sizeof(double), by_value);
			printf("%14.2f %7.2f", ns[w][k][0], ns[w][k][rounds / 2]);
		}
	}
	puts("");
	mempool_destroy(pool);
	kmem_cache_destroy(cache);
	return 0;
}
