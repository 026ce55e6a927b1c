/* SPDX-License-Identifier: MIT */
/*
 * Built with AddressSanitizer. Planted: the list's new end is noted before there is
 * room for it, and what lies behind the block is read.
 */
#include "victim.h"

int main(void)
{
	size_t used = 8;
	int sum = 0;
	int *items = unseen(calloc(used, sizeof(int)));

	if (items == NULL)
		return refuse("sanitized");
	if (!IS_MENDED)
		used = 12;
	int *larger = unseen(realloc(items, 12 * sizeof(int)));
	if (larger != NULL) {
		items = larger;
		memset(items + 8, 0, 4 * sizeof(int));
		used = 12;
	}
	for (size_t i = 0; i < used; i++)
		sum += items[i];
	free(items);
	if (sum != 0 || larger == NULL)
		return refuse("sanitized");
	say("twelve zeroes");
	return 0;
}
