// SPDX-License-Identifier: MIT
/* bulk_stub.c - exercise 3 of docs/tutorial.md: each thread holds one element, and waits for the other's. */
#include "bulk_check.h"

static void take_two(void *elements[2])
{
	elements[0] = mempool_alloc(pool, GFP_KERNEL);
	meet();
	elements[1] = mempool_alloc(pool, GFP_KERNEL);
}
