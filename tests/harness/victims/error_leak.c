/* SPDX-License-Identifier: MIT */
/* Planted: when the second part cannot be had, the first is forgotten. */
#include "victim.h"

struct pair {
	char *key, *value;
};

static int fill(struct pair *pair)
{
	char *key = unseen(malloc(100));
	if (key == NULL)
		return -1;
	char *value = unseen(malloc(200));
	if (value == NULL) {
		if (IS_MENDED)
			free(key);
		return -1;
	}
	pair->key = key;
	pair->value = value;
	return 0;
}

int main(void)
{
	struct pair pair = {NULL, NULL};

	/* Three tries, so that what lies forgotten on the stack is written over. */
	for (int i = 0; i < 3; i++) {
		if (fill(&pair) != 0)
			return refuse("error_leak");
		free(pair.key);
		free(pair.value);
	}
	say("three pairs");
	return 0;
}
