/* SPDX-License-Identifier: MIT */
/* Planted: p = realloc(p, ...) forgets the old block when it fails. */
#include "victim.h"

static char *text;
static size_t room;

static int grow(size_t to)
{
	char *larger = unseen(realloc(unseen(text), to));
	if (larger == NULL && IS_MENDED)
		return -1;
	text = larger;
	room = to;
	return text != NULL ? 0 : -1;
}

int main(void)
{
	for (size_t i = 0; i < 1000; i++) {
		if (i + 1 >= room && grow(room + 200) != 0) {
			free(text);
			return refuse("lost_realloc");
		}
		text[i] = (char)('a' + i % 26);
		text[i + 1] = 0;
	}
	say(text);
	free(text);
	return 0;
}
