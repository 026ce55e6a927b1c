/* SPDX-License-Identifier: MIT */
/*
 * exercise.h - what the exercises of docs/tutorial.md share: a backing whose memory runs out when it is told to, and a
 * word at the end. An exercise is a NAME_stub.c, in which something is left to be done and which fails its check, a
 * NAME_solution.c, which passes it, and the check itself in NAME_check.h.
 */
#ifndef EXERCISE_H
#define EXERCISE_H

#include <mempool/mempool.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_bool exhausted;

/* A mempool_alloc_t: memory while there is some. */
static inline void *backing_alloc(gfp_t gfp_mask, void *pool_data)
{
	(void)gfp_mask;
	(void)pool_data;
	return atomic_load(&exhausted) ? NULL : malloc(64);
}

/* A mempool_free_t. */
static inline void backing_free(void *element, void *pool_data)
{
	(void)pool_data;
	free(element);
}

static inline void say(const char *text)
{
	while (*text != '\0') {
		const ssize_t n = write(STDOUT_FILENO, text, 1);

		if (n != 1)
			_exit(2);
		text++;
	}
}

static inline void out_of_time(int signal_number)
{
	(void)signal_number;
	say("not yet: it sleeps, and nobody will wake it\n");
	_exit(1);
}

/* A check that has not ended after so many seconds has failed. */
static inline void within(unsigned int seconds)
{
	signal(SIGALRM, out_of_time);
	alarm(seconds);
}

static inline void check(bool holds, const char *otherwise)
{
	if (holds)
		return;
	say("not yet: ");
	say(otherwise);
	say("\n");
	_exit(1);
}

static inline int well_done(void)
{
	say("well done\n");
	return 0;
}

#endif /* EXERCISE_H */
