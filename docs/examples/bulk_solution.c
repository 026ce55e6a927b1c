// SPDX-License-Identifier: MIT
/* bulk_solution.c - exercise 3 of docs/tutorial.md, solved: all that is needed at once, or nothing and sleep. */
#include "bulk_check.h"

static void take_two(void *elements[2])
{
	mempool_alloc_bulk(pool, elements, 2, 0);
}
