// SPDX-License-Identifier: MIT
/* reserve_stub.c - exercise 1 of docs/tutorial.md: let a pool stand between this program and its memory. */
#include "reserve_check.h"

static bool begin(void)
{
	/* Yours: a pool that keeps PROMISED elements in reserve, over backing_alloc and backing_free. */
	return true;
}

static void *get(void)
{
	return backing_alloc(GFP_KERNEL, NULL);
}

static void put(void *element)
{
	backing_free(element, NULL);
}

static void end(void) {}
