/* SPDX-License-Identifier: MIT */
/* reader.h - a thread in a read section of liburcu-bp, until it is told to end it. */
#ifndef TESTS_CHECK_READER_H
#define TESTS_CHECK_READER_H

#include "support.h"

struct reader {
	struct worker worker;
	atomic_bool inside;
	atomic_bool may_end;
	atomic_bool ended;
	void (*at_end)(void); /* called last in the section */
};

extern struct reader reader;

/* start_reader() - returns when it is in its section. */
void start_reader(void (*at_end)(void));

/* end_reader_later() - for a worker: lets the reader go, but gives those who should wait for it the time to fail to. */
void end_reader_later(void *unused);

#endif /* TESTS_CHECK_READER_H */
