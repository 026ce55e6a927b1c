// SPDX-License-Identifier: MIT
/*
 * deadlock_stacked.c - requests of stacked drivers, all from one set.
 *
 * The upper driver takes a request, and hands it to the lower one, which takes another to do the work with, and frees
 * both when it is done. Where both take from one pool, as many uppers as the reserve holds can starve the lowers that
 * would let them go on.
 *
 *   deadlock_stacked one    one pool for both: hangs; mempool run --on-deadlock=abort -- deadlock_stacked one says why
 *   deadlock_stacked two    a pool for each driver: what the lower one waits for is held by lowers only, who go on
 */
#include <mempool/mempool.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RESERVE = 2, SUBMITTERS = 3, REQUESTS = 10000 };

struct request {
	struct request *upper;
	int sector;
};

struct set {
	mempool_t *pool;
	int left; /* what memory has for it, before it has run out */
};
static struct set sets[2];
static struct set *upper_set = &sets[0], *lower_set;

static void *alloc_request(gfp_t gfp_mask, void *pool_data)
{
	struct set *set = pool_data;

	(void)gfp_mask;
	return __atomic_fetch_sub(&set->left, 1, __ATOMIC_RELAXED) > 0 ? malloc(sizeof(struct request)) : NULL;
}

static void free_request(void *request, void *pool_data)
{
	(void)pool_data;
	free(request);
}

static int make_set(struct set *set)
{
	set->left = RESERVE;
	set->pool = mempool_create(RESERVE, alloc_request, free_request, set);
	return set->pool != NULL;
}

static void lower_submit(struct request *upper)
{
	struct request *lower = mempool_alloc(lower_set->pool, GFP_NOIO);

	lower->upper = upper;
	lower->sector = upper->sector / 8;
	mempool_free(lower, lower_set->pool);
	mempool_free(upper, upper_set->pool);
}

static void *submit(void *unused)
{
	for (int i = 0; i < REQUESTS; i++) {
		struct request *upper = mempool_alloc(upper_set->pool, GFP_NOIO);

		upper->sector = i;
		sched_yield(); /* so that the submitters meet */
		lower_submit(upper);
	}
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t submitters[SUBMITTERS];

	if (argc != 2 || (strcmp(argv[1], "one") != 0 && strcmp(argv[1], "two") != 0)) {
		fprintf(stderr, "usage: %s one|two\n", argv[0]);
		return 2;
	}
	alarm(60); /* whoever runs this without a watcher is not to wait for ever */
	lower_set = strcmp(argv[1], "one") == 0 ? upper_set : &sets[1];
	if (!make_set(upper_set) || (lower_set != upper_set && !make_set(lower_set)))
		return 1;
	for (int i = 0; i < SUBMITTERS; i++)
		if (pthread_create(&submitters[i], NULL, submit, NULL) != 0)
			return 1;
	for (int i = 0; i < SUBMITTERS; i++)
		pthread_join(submitters[i], NULL);
	printf("%d requests\n", SUBMITTERS * REQUESTS);
	mempool_destroy(upper_set->pool);
	if (lower_set != upper_set)
		mempool_destroy(lower_set->pool);
	return 0;
}
