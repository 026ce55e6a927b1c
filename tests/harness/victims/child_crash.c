/* SPDX-License-Identifier: MIT */
/* Planted: the parent looks what it got, the child that it forks does not; and the parent goes on without it. */
#include "victim.h"

#include <sys/wait.h>
#include <unistd.h>

static int in_child(void)
{
	char *block = unseen(malloc(700));

	if (IS_MENDED && block == NULL)
		return 1;
	block[0] = 'x';
	free(unseen(block));
	return 0;
}

int main(void)
{
	int status = 0;
	char *block = unseen(malloc(700));

	if (block == NULL)
		return refuse("child_crash");
	free(block);
	const pid_t child = fork();
	if (child == 0)
		_exit(in_child());
	if (child < 0 || waitpid(child, &status, 0) != child)
		return refuse("child_crash");
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		return refuse("child_crash");
	say("parent and child");
	return 0;
}
