// SPDX-License-Identifier: MIT
/* sweep_plain.c - the same without a framework: what is wrong is printed, and the program aborts. See fault-test(3). */
#include "records.h"

#include <mempool/fault-test.h>
#include <stdio.h>

int main(void)
{
	struct mempool_fault_sweep sweep = MEMPOOL_FAULT_SWEEP_INIT;

	MEMPOOL_FAULT_SWEEP(&sweep)
	{
		struct records list = {0};

		for (int i = 0; i < 10; i++)
			mempool_fault_sweep_ok(&sweep, records_add(&list, "a record"));
		records_clear(&list);
	}
	printf("%u allocations, each of which has failed once, and from which on %u times all have\n", sweep.single,
	       sweep.persistent);
	return sweep.single >= 13 ? 0 : 1;
}
