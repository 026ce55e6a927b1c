/* SPDX-License-Identifier: MIT */
/*
 * bulk_check.h - the check of exercise 3: two threads need two elements each, of a pool that has two, and none of them
 * waits for ever.
 */
#include "exercise.h"

#include <pthread.h>

#define RESERVED 2

static mempool_t *pool;
static pthread_barrier_t both;

/* Between two allocations: until the other thread is as far. So it shows at once what else would show once a year. */
static inline void meet(void)
{
	pthread_barrier_wait(&both);
}

static void take_two(void *elements[2]);

static void *work(void *unused)
{
	void *elements[2] = {NULL, NULL};

	(void)unused;
	take_two(elements);
	check(elements[0] != NULL && elements[1] != NULL, "take_two() did not fill both");
	mempool_free(elements[0], pool);
	mempool_free(elements[1], pool);
	return NULL;
}

int main(void)
{
	pthread_t other;

	within(3);
	pool = mempool_create(RESERVED, backing_alloc, backing_free, NULL);
	check(pool != NULL, "no pool");
	atomic_store(&exhausted, true);
	pthread_barrier_init(&both, NULL, 2);
	check(pthread_create(&other, NULL, work, NULL) == 0, "no thread");
	work(NULL);
	pthread_join(other, NULL);
	mempool_destroy(pool);
	return well_done();
}
