/* SPDX-License-Identifier: MIT */
/* Planted: the first thread looks what it got, the second, named "careless", does not. */
#include "victim.h"

#include <pthread.h>

static void *careful(void *result)
{
	char *block = unseen(malloc(300));

	*(int *)result = block != NULL ? 0 : -1;
	free(block);
	return NULL;
}

static void *careless(void *result)
{
	pthread_setname_np(pthread_self(), "careless");
	char *block = unseen(malloc(300));
	if (IS_MENDED && block == NULL) {
		*(int *)result = -1;
		return NULL;
	}
	block[0] = 'x';
	free(unseen(block));
	*(int *)result = 0;
	return NULL;
}

int main(void)
{
	pthread_t threads[2];
	int results[2] = {0, 0};

	if (pthread_create(&threads[0], NULL, careful, &results[0]) != 0)
		return refuse("thread_crash");
	pthread_join(threads[0], NULL);
	if (pthread_create(&threads[1], NULL, careless, &results[1]) != 0)
		return refuse("thread_crash");
	pthread_join(threads[1], NULL);
	if (results[0] != 0 || results[1] != 0)
		return refuse("thread_crash");
	say("two threads");
	return 0;
}
