// SPDX-License-Identifier: MIT
/* run_dir.c - see run_dir.h. */
#include "run_dir.h"

#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

char run_dir[] = "/tmp/mempool-check.XXXXXX";

void make_run_dir(void)
{
	ck_assert_ptr_nonnull(mkdtemp(run_dir));
	ck_assert_int_eq(setenv("MEMPOOL_RUN_DIR", run_dir, 1), 0);
}

int pages(char *path, size_t bytes)
{
	DIR *dir = opendir(run_dir);
	struct dirent *entry;
	int found = 0;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && found++ == 0 && path)
			ck_assert_int_lt(snprintf(path, bytes, "%s/%s", run_dir, entry->d_name), (int)bytes);
	closedir(dir);
	return found;
}

void remove_run_dir(void)
{
	char path[400];

	while (pages(path, sizeof(path)) > 0)
		ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(run_dir), 0);
}

void put(const char *path, off_t at, const void *bytes, size_t length)
{
	int fd = open(path, O_WRONLY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, bytes, length, at), (ssize_t)length);
	close(fd);
}

void end(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
