/* SPDX-License-Identifier: MIT */
/*
 * detours.c - allocates more once an allocation has failed, for fail.sh: each of
 * eight steps leads to a detour of its own, to one that every step shares, and to
 * one that some share; a detour that fails leads to another; and once, to a child
 * that allocates. It always gets through, so each of these is followed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int harm;

/* Whether there was memory; hidden from the compiler, which would leave it out. */
static int try_bytes(size_t bytes)
{
	void *volatile got = malloc(bytes);

	free(got);
	return got != NULL;
}

/* Three that one can only come to after a failure; the third only after the second has failed as well. */
static void get_over_it(size_t bytes)
{
	if (!try_bytes(bytes + 1000) || !try_bytes(bytes + 2000))
		try_bytes(bytes + 3000);
}

/* As many places that allocate as it is named for, so that there are as many stacks. */
#define STEP(n)                                              \
	__attribute__((noinline)) static void step_##n(void) \
	{                                                    \
		if (!try_bytes(n)) {                         \
			harm |= 1 << n;                      \
			get_over_it(n);                      \
		}                                            \
		for (int i = 0; i < 2; i++)                  \
			if (!try_bytes(n + 100))             \
				harm |= 1 << (n + 8);        \
	}
STEP(0)
STEP(1)
STEP(2)
STEP(3)
STEP(4)
STEP(5)
STEP(6)
STEP(7)

int main(void)
{
	static char buffer[BUFSIZ];

	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	step_0(), step_1(), step_2(), step_3(), step_4(), step_5(), step_6(), step_7();
	if (harm != 0)
		get_over_it(4000);
	if ((harm & 0x5555) != 0)
		get_over_it(5000);
	if ((harm & 0xff00) != 0)
		get_over_it(6000);
	if ((harm & 0x0101) != 0) {
		const pid_t child = fork();
		if (child == 0) {
			get_over_it(7000);
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
	puts("arrived");
	return 0;
}
