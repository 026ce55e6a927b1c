/* SPDX-License-Identifier: MIT */
/* Planted: the second of three allocations is used without a look: a crash. */
#include "victim.h"

int main(void)
{
	char *first = unseen(malloc(32));
	if (first == NULL)
		return refuse("unchecked_malloc");
	char *second = unseen(malloc(64));
	if (IS_MENDED && second == NULL) {
		free(first);
		return refuse("unchecked_malloc");
	}
	second[0] = 'x';
	char *third = unseen(malloc(16));
	const int failed = third == NULL;
	free(third);
	free(unseen(second));
	free(first);
	if (failed)
		return refuse("unchecked_malloc");
	say("three blocks");
	return 0;
}
