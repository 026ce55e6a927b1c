// SPDX-License-Identifier: MIT
/*
 * hungry.c - what limits.sh starts inside a memory cgroup: its slab backing wants as many MiB as the argument says,
 * while two users of a pool on the same cache take, write and give back elements. Says what they got.
 */
#include <mempool/mempool.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJECT 4096
#define MIN_NR 16

static struct kmem_cache *cache;
static mempool_t *pool;
static atomic_long nulls, served;
static atomic_bool hoarded;

/* Four elements each, so that both together never need more than the reserve holds. */
static void *use(void *arg)
{
	for (long rounds = 0; rounds < 2000 || !atomic_load(&hoarded); rounds++) {
		void *element[4];

		for (int i = 0; i < 4; i++) {
			element[i] = mempool_alloc(pool, i % 2 ? GFP_NOIO : GFP_ATOMIC);
			if (!element[i]) {
				atomic_fetch_add(&nulls, 1);
				continue;
			}
			memset(element[i], (int)rounds, OBJECT);
			atomic_fetch_add(&served, 1);
		}
		for (int i = 0; i < 4; i++)
			mempool_free(element[i], pool);
	}
	return arg;
}

int main(int argc, char **argv)
{
	long wanted = argc > 1 ? atol(argv[1]) * 256 : 0;
	long got = 0;
	void *newest = NULL;
	pthread_t user[2];

	cache = kmem_cache_create("hungry", OBJECT, 0, 0, NULL);
	pool = mempool_create_slab_pool(MIN_NR, cache);
	if (!pool)
		return 2;
	for (int i = 0; i < 2; i++)
		if (pthread_create(&user[i], NULL, use, NULL))
			return 2;
	for (long tries = 0; tries < wanted; tries++) {
		void *object = kmem_cache_alloc(cache, GFP_KERNEL);

		if (!object)
			continue;
		memset(object, 0x7e, OBJECT);
		*(void **)object = newest;
		newest = object;
		got++;
	}
	atomic_store(&hoarded, true);
	for (int i = 0; i < 2; i++)
		pthread_join(user[i], NULL);
	printf("hoarded %ld of %ld MiB, served %ld, NULL %ld\n", got / 256, wanted / 256, atomic_load(&served),
	       atomic_load(&nulls));
	return atomic_load(&nulls) == 0 && atomic_load(&served) > 0 && got > 0 && got < wanted ? 0 : 1;
}
