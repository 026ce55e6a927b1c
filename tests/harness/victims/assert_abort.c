/* SPDX-License-Identifier: MIT */
/* Planted: what memory must not lack is asserted: an abort. */
#undef NDEBUG
#include "victim.h"

#include <assert.h>

int main(void)
{
	char *block = unseen(calloc(10, 10));

	if (IS_MENDED && block == NULL)
		return refuse("assert_abort");
	assert(block != NULL);
	free(block);
	say("a hundred zeroes");
	return 0;
}
