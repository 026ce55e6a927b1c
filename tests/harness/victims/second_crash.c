/* SPDX-License-Identifier: MIT */
/* Planted: without the large buffer a small one will do, and for that one nobody looks: it takes two failures. */
#include "victim.h"

int main(void)
{
	size_t bytes = 4000;
	char *buffer = unseen(malloc(bytes));

	if (buffer == NULL) {
		bytes = 40;
		buffer = unseen(malloc(bytes));
		if (IS_MENDED && buffer == NULL)
			return refuse("second_crash");
	}
	memset(buffer, 'x', bytes);
	free(unseen(buffer));
	say("a buffer");
	return 0;
}
