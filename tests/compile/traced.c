// SPDX-License-Identifier: MIT
/*
 * traced.c - what trace.sh records: a pool whose backing fails when told to, a thread that sleeps and is woken, a
 * failure, and with "fork" a child that does a little of its own. With "wait" it begins when there is a line to read.
 * Prints the pool's own figures as JSON.
 */
#include <errno.h>
#include <mempool/mempool-stats.h>
#include <mempool/mempool-trace.h>
#include <mempool/mempool.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RESERVED 4
#define ROUNDS 50
#define DEADLINE_S 30

static atomic_bool fails;
static mempool_t *pool;

static void *give(gfp_t gfp_mask, void *pool_data)
{
	(void)gfp_mask;
	(void)pool_data;
	return atomic_load(&fails) ? NULL : malloc(64);
}

static void take_back(void *element, void *pool_data)
{
	(void)pool_data;
	free(element);
}

static struct mempool_statistics figures(void)
{
	struct mempool_statistics st = {.size = sizeof(st)};

	mempool_stats(pool, &st);
	return st;
}

static void *sleeper(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "sleeper");
	return mempool_alloc(pool, GFP_KERNEL);
}

static void wait_for_waiter(void)
{
	const time_t deadline = time(NULL) + DEADLINE_S;

	while (figures().waiters == 0) {
		if (time(NULL) > deadline)
			exit(3);
		usleep(1000);
	}
}

/* Drains the reserve, lets a thread sleep for an element, and gives one back. */
static void sleep_and_wake(void)
{
	void *taken[RESERVED], *element = NULL;
	pthread_t thread;

	atomic_store(&fails, true);
	for (int i = 0; i < RESERVED; i++)
		taken[i] = mempool_alloc(pool, GFP_ATOMIC);
	if (mempool_alloc(pool, GFP_ATOMIC) != NULL || errno != ENOMEM)
		exit(4);
	if (pthread_create(&thread, NULL, sleeper, NULL) != 0)
		exit(5);
	wait_for_waiter();
	mempool_free(taken[0], pool);
	pthread_join(thread, &element);
	mempool_free(element, pool);
	for (int i = 1; i < RESERVED; i++)
		mempool_free(taken[i], pool);
	atomic_store(&fails, false);
}

static void in_child(void)
{
	mempool_free(mempool_alloc(pool, GFP_KERNEL), pool);
	mempool_trace_mark("of the child");
}

int main(int argc, char **argv)
{
	struct mempool_statistics st;
	int status = 0;

	if (argc > 1 && strcmp(argv[1], "wait") == 0 && getchar() == EOF)
		return 1;
	pool = mempool_create(RESERVED, give, take_back, NULL);
	if (pool == NULL)
		return 1;
	mempool_trace_mark("a <mark>, \"quoted\"");
	for (int i = 0; i < ROUNDS; i++)
		mempool_free(mempool_alloc(pool, GFP_KERNEL), pool);
	sleep_and_wake();
	if (argc > 1 && strcmp(argv[1], "fork") == 0) {
		if (fork() == 0) {
			in_child();
			_exit(0);
		}
		wait(&status);
	}
	st = figures();
	printf("{\"level\": %d, \"allocs\": %llu, \"frees\": %llu, \"from_reserve\": %llu, \"to_reserve\": %llu, "
	       "\"backing_failures\": %llu, \"failures\": %llu, \"sleeps\": %llu, \"wakes\": %llu}\n",
	       st.curr_nr, (unsigned long long)st.allocs, (unsigned long long)st.frees,
	       (unsigned long long)st.from_reserve, (unsigned long long)st.to_reserve,
	       (unsigned long long)st.backing_failures, (unsigned long long)st.failures, (unsigned long long)st.sleeps,
	       (unsigned long long)st.wakes);
	if (argc > 1 && strcmp(argv[1], "crash") == 0)
		abort();
	return status == 0 ? 7 : 1;
}
