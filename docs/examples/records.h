/* SPDX-License-Identifier: MIT */
/* records.h - what the examples of fault-test.h test: a list of records, kept in a growing array. */
#ifndef RECORDS_H
#define RECORDS_H

#include <mempool/slab.h>
#include <stdbool.h>
#include <stddef.h>

struct records {
	char **texts;
	size_t count, room;
};

/* records_add() - keep a copy of @text. False with errno ENOMEM: then the list is as it was. */
bool records_add(struct records *list, const char *text);

/* records_clear() - forget them all. */
void records_clear(struct records *list);

#endif /* RECORDS_H */
