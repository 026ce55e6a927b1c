// SPDX-License-Identifier: MIT
#include "fault_support.h"

#include "support.h"

#include <string.h>

void fault_set(const char *text)
{
	struct mempool_fault_error error = {.size = sizeof(error)};

	ck_assert_msg(mempool_fault_apply(0, text, &error) == 0, "'%s', byte %zu: %s", text, error.offset, error.text);
}

static int find(const struct mempool_fault_point *point, void *arg)
{
	struct mempool_fault_point *wanted = arg;

	if (strcmp(point->name, wanted->name) != 0)
		return 0;
	*wanted = *point;
	return 1;
}

struct mempool_fault_point fault_point(const char *name)
{
	struct mempool_fault_point p = {0};

	strcpy(p.name, name);
	ck_assert_msg(mempool_fault_each(0, find, &p) == 1, "there is no point '%s'", name);
	return p;
}
