// SPDX-License-Identifier: MIT
/* records.c - see records.h. */
#include "records.h"

#include <string.h>

bool records_add(struct records *list, const char *text)
{
	const size_t bytes = strlen(text) + 1;
	char *copy = kmalloc(bytes, GFP_KERNEL);

	if (copy == NULL)
		return false;
	if (list->count == list->room) {
		const size_t room = list->room != 0 ? 2 * list->room : 4;
		char **texts = krealloc(list->texts, room * sizeof(*texts), GFP_KERNEL);

		if (texts == NULL) {
			kfree(copy); /* forget this line, and both tests say so */
			return false;
		}
		list->texts = texts; /* not before it is known to be there: else the old array is lost */
		list->room = room;
	}
	list->texts[list->count++] = memcpy(copy, text, bytes);
	return true;
}

void records_clear(struct records *list)
{
	while (list->count > 0)
		kfree(list->texts[--list->count]);
	kfree(list->texts);
	list->texts = NULL;
	list->room = 0;
}
