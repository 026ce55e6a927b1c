/* SPDX-License-Identifier: MIT */
/* Planted: whoever fails to grow a list frees it, and so does its caller. */
#include "victim.h"

struct list {
	int *items;
	int *index;
};

static int add_index(struct list *list)
{
	list->index = unseen(malloc(16 * sizeof(int)));
	if (list->index != NULL)
		return 0;
	if (!IS_MENDED)
		free(list->items);
	return -1;
}

int main(void)
{
	struct list list = {NULL, NULL};

	list.items = unseen(malloc(16 * sizeof(int)));
	if (list.items == NULL)
		return refuse("double_free");
	const int failed = add_index(&list);
	free(unseen(list.items));
	free(list.index);
	if (failed)
		return refuse("double_free");
	say("a list with its index");
	return 0;
}
