/* SPDX-License-Identifier: MIT */
/* fault_support.h - what tests of fault injection share. */
#ifndef TESTS_CHECK_FAULT_SUPPORT_H
#define TESTS_CHECK_FAULT_SUPPORT_H

#include <mempool/fault-inject.h>

/* fault_set() - apply a setting to this process; the test fails if it is refused. */
void fault_set(const char *text);

/* fault_point() - the point of this name, as it is set now; the test fails if there is none. */
struct mempool_fault_point fault_point(const char *name);

#endif /* TESTS_CHECK_FAULT_SUPPORT_H */
