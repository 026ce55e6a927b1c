/* SPDX-License-Identifier: MIT */
/*
 * victim.h - small programs that `mempool fail` must judge rightly. Each is built
 * twice: as it is, with one planted fault in its treatment of a failed
 * allocation, and as NAME_mended with -DMENDED, without it. Unharmed, both print
 * the same and exit with 0.
 */
#ifndef VICTIM_H
#define VICTIM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef MENDED
#define IS_MENDED 1
#else
#define IS_MENDED 0
#endif

/* The clean refusal: a message, and an exit status that is not 0. */
static inline int refuse(const char *who)
{
	fprintf(stderr, "%s: out of memory\n", who);
	return 1;
}

/* Without stdio's own allocation, so that what is planted is all there is. */
static inline void say(const char *text)
{
	static char buffer[BUFSIZ];
	static int prepared;

	if (!prepared) {
		setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
		prepared = 1;
	}
	puts(text);
}

/* Hides a pointer from the compiler, which would find the planted faults. */
static inline void *unseen(void *pointer)
{
	__asm__ volatile("" : "+r"(pointer));
	return pointer;
}

#endif /* VICTIM_H */
