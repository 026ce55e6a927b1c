/* SPDX-License-Identifier: MIT */
/*
 * atomic_check.h - the check of exercise 2: what a signal's handler does must not sleep, and what it cannot keep it
 * counts.
 */
#include "exercise.h"

#define RESERVED 2
#define SIGNALS 5

static mempool_t *pool;
static void *kept[SIGNALS];
static int kept_nr, dropped_nr;

static void on_signal(int signal_number); /* keeps an element for each signal, or counts one that is dropped */

int main(void)
{
	within(3);
	pool = mempool_create(RESERVED, backing_alloc, backing_free, NULL);
	check(pool != NULL, "no pool");
	atomic_store(&exhausted, true);
	signal(SIGUSR1, on_signal);
	for (int i = 0; i < SIGNALS; i++)
		raise(SIGUSR1);
	check(kept_nr == RESERVED, "the reserve has two elements, and as many are kept");
	check(dropped_nr == SIGNALS - RESERVED, "the others are dropped, and counted");
	for (int i = 0; i < kept_nr; i++)
		mempool_free(kept[i], pool);
	mempool_destroy(pool);
	return well_done();
}
