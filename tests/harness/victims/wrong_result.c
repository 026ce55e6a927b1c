/* SPDX-License-Identifier: MIT */
/* Planted: a number that found no room is left out of the sum, and nobody is told. */
#include "victim.h"

struct node {
	struct node *below;
	int value;
};

int main(void)
{
	struct node *top = NULL;
	int sum = 0;
	int failed = 0;
	char line[32];

	for (int i = 1; i <= 5; i++) {
		struct node *node = unseen(malloc(sizeof(*node)));
		if (node == NULL) {
			failed = 1;
			continue;
		}
		node->value = i;
		node->below = top;
		top = node;
	}
	while (top != NULL) {
		struct node *below = top->below;
		sum += top->value;
		free(top);
		top = below;
	}
	if (failed && IS_MENDED)
		return refuse("wrong_result");
	snprintf(line, sizeof(line), "the sum is %d", sum);
	say(line);
	return 0;
}
