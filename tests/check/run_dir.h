/* SPDX-License-Identifier: MIT */
/*
 * run_dir.h - a directory of the test's own for what processes show of themselves (MEMPOOL_RUN_DIR).
 */
#ifndef TESTS_CHECK_RUN_DIR_H
#define TESTS_CHECK_RUN_DIR_H

#include <stddef.h>
#include <sys/types.h>

/* run_dir - its path. make_run_dir() and remove_run_dir() are for a checked fixture. */
extern char run_dir[];
void make_run_dir(void);
void remove_run_dir(void);

/* pages() - how many files lie in it; into @path the first one's. */
int pages(char *path, size_t bytes);

/* put() - overwrite bytes of a file. */
void put(const char *path, off_t at, const void *bytes, size_t length);

/* end() - kill a child, and wait for its end. */
void end(pid_t pid);

#endif /* TESTS_CHECK_RUN_DIR_H */
