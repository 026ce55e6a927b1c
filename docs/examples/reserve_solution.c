// SPDX-License-Identifier: MIT
/* reserve_solution.c - exercise 1 of docs/tutorial.md, solved. */
#include "reserve_check.h"

static mempool_t *pool;

static bool begin(void)
{
	pool = mempool_create(PROMISED, backing_alloc, backing_free, NULL);
	return pool != NULL;
}

static void *get(void)
{
	return mempool_alloc(pool, GFP_KERNEL);
}

static void put(void *element)
{
	mempool_free(element, pool);
}

static void end(void)
{
	mempool_destroy(pool);
}
