/* SPDX-License-Identifier: MIT */
/* reserve_check.h - the check of exercise 1: get() gives four elements after memory has run out. */
#include "exercise.h"

#define PROMISED 4

static bool begin(void);        /* before memory runs out; false: it cannot promise so much */
static void *get(void);         /* an element of 64 bytes */
static void put(void *element); /* it comes back */
static void end(void);

int main(void)
{
	void *elements[PROMISED];

	within(10);
	check(begin(), "begin() failed while there is memory");
	put(get());
	atomic_store(&exhausted, true);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < PROMISED; i++) {
			elements[i] = get();
			check(elements[i] != NULL, "get() gave NULL when memory had run out");
		}
		for (int i = 0; i < PROMISED; i++)
			put(elements[i]);
	}
	end();
	return well_done();
}
