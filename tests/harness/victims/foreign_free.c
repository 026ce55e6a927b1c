/* SPDX-License-Identifier: MIT */
/* Planted: the spare buffer that serves when there is no memory is freed like any other. */
#include "victim.h"

static char spare[128] __attribute__((aligned(16)));

int main(void)
{
	char *buffer = unseen(malloc(sizeof(spare)));

	if (buffer == NULL)
		buffer = unseen(spare);
	memset(buffer, 'x', sizeof(spare));
	if (!IS_MENDED || buffer != spare)
		free(unseen(buffer));
	say("a buffer of some kind");
	return 0;
}
