// SPDX-License-Identifier: MIT
/* atomic_stub.c - exercise 2 of docs/tutorial.md: this handler goes to sleep. Which mask lets it not? */
#include "atomic_check.h"

static void on_signal(int signal_number)
{
	void *element = mempool_alloc(pool, GFP_KERNEL);

	(void)signal_number;
	kept[kept_nr++] = element;
}
