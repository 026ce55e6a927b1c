// SPDX-License-Identifier: MIT
/* reader.c - see reader.h. */
#include "reader.h"

#include <sched.h>
#include <urcu/urcu-bp.h>

struct reader reader;

static void read_until_told(void *unused)
{
	(void)unused;
	urcu_bp_read_lock();
	atomic_store(&reader.inside, true);
	while (!atomic_load(&reader.may_end))
		sched_yield();
	if (reader.at_end)
		reader.at_end();
	atomic_store(&reader.ended, true);
	urcu_bp_read_unlock();
}

void start_reader(void (*at_end)(void))
{
	on_all_cpus();
	reader.at_end = at_end;
	worker_start(&reader.worker, read_until_told, NULL);
	WAIT_FOR(atomic_load(&reader.inside));
}

void end_reader_later(void *unused)
{
	(void)unused;
	for (int i = 0; i < 2000; i++)
		sched_yield();
	atomic_store(&reader.may_end, true);
}
