/* SPDX-License-Identifier: MIT */
/* Planted: a worker that gets no memory goes without a word, and is waited for. */
#include "victim.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int done, failed;

static void finish(int how)
{
	pthread_mutex_lock(&lock);
	done = 1;
	failed = how;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
}

static void *work(void *unused)
{
	char *block = unseen(malloc(500));

	if (block == NULL) {
		if (IS_MENDED)
			finish(1);
		return unused;
	}
	memset(block, 0, 500);
	free(block);
	finish(0);
	return unused;
}

int main(void)
{
	pthread_t worker;

	if (pthread_create(&worker, NULL, work, NULL) != 0)
		return refuse("hang");
	pthread_mutex_lock(&lock);
	while (!done)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	pthread_join(worker, NULL);
	if (failed)
		return refuse("hang");
	say("the worker is done");
	return 0;
}
