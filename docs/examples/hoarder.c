/* SPDX-License-Identifier: MIT */
/*
 * hoarder.c - see hoarder.h.
 *
 * When it is at work there is no memory, so it needs none: what it has eaten is
 * chained through the blocks themselves. Only the hoarder's own thread touches
 * the state below.
 */
#include "hoarder.h"

#include <errno.h>
#include <malloc.h>
#include <mempool/mempool-limits.h>
#include <mempool/mempool-stats.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	EAT_AGAIN_MS = 1,
	QUIET_ROUNDS = 100, /* without a find: then what was in use is eaten too, as far as it came back */
	MAP_LARGEST = 1 << 30,
	HEAP_LARGEST = 1 << 20,
	HEAP_SMALLEST = 32, /* a block's header must fit */
	BITE = 1 << 16,     /* at once, of what is touched */
};

enum source { FROM_MMAP, FROM_MALLOC, FROM_PAGES, FROM_CACHE };

/** struct block - the front of an eaten block. */
struct block {
	struct block *next;
	struct kmem_cache *cache; /* FROM_CACHE */
	enum source source;
	uint32_t size; /* bytes */
};

static struct {
	int fd;
	struct block *eaten;
	unsigned long long bytes, blocks;
	unsigned long long leave_bytes; /* 0: until everything is refused */
} hoarder;

static bool keep(void *memory, enum source source, size_t size, struct kmem_cache *cache)
{
	struct block *block = memory;

	if (block == NULL)
		return false;
	*block = (struct block){hoarder.eaten, cache, source, (uint32_t)size};
	hoarder.eaten = block;
	hoarder.blocks++;
	hoarder.bytes += size;
	return true;
}

static void *map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory != MAP_FAILED ? memory : NULL;
}

static unsigned int order_of(size_t size)
{
	return (unsigned int)__builtin_ctzll(size >> PAGE_SHIFT);
}

static int eat_cache(struct kmem_cache *cache, void *unused)
{
	struct kmem_cache_statistics st = {.size = sizeof(st)};

	(void)unused;
	if (kmem_cache_stats(cache, &st) != 0 || st.object_size < sizeof(struct block))
		return 0;
	while (keep(kmem_cache_alloc(cache, GFP_NOWAIT), FROM_CACHE, st.object_size, cache))
		;
	return 0;
}

/* Is more left than @bytes, by the cgroup's figures? */
static bool more_left_than(unsigned long long bytes)
{
	struct mempool_headroom_state now = {.size = sizeof(now)};

	return mempool_headroom(&now) == 0 && now.free_bytes > bytes;
}

/*
 * Where memory is not refused: touched pages until little is left, and what is
 * free in the heap, which the cgroup counts as used. For the heap's own growth
 * there is the half of what is left.
 */
static void eat_what_may_be_touched(void)
{
	while (more_left_than(hoarder.leave_bytes + BITE)) {
		void *memory = map(BITE);

		if (memory != NULL)
			memset(memory, 1, BITE);
		if (!keep(memory, FROM_MMAP, BITE, NULL))
			break;
	}
	for (size_t size = BITE; size >= HEAP_SMALLEST; size /= 2)
		while (mallinfo2().fordblks >= size && more_left_than(hoarder.leave_bytes / 2) &&
		       keep(malloc(size), FROM_MALLOC, size, NULL))
			;
}

/* All there is, the largest blocks first: what is left at the end is in pieces too small for anybody. */
static void eat(void)
{
	if (hoarder.leave_bytes != 0) {
		eat_what_may_be_touched();
		kmem_cache_for_each(eat_cache, NULL);
		return;
	}
	for (size_t size = MAP_LARGEST; size >= PAGE_SIZE; size /= 2)
		while (keep(map(size), FROM_MMAP, size, NULL))
			;
	for (size_t size = PAGE_SIZE << MAX_PAGE_ORDER; size >= PAGE_SIZE; size /= 2)
		while (keep((void *)__get_free_pages(GFP_NOWAIT, order_of(size)), FROM_PAGES, size, NULL))
			;
	kmem_cache_for_each(eat_cache, NULL);
	for (size_t size = HEAP_LARGEST; size >= HEAP_SMALLEST; size /= 2)
		while (keep(malloc(size), FROM_MALLOC, size, NULL))
			;
}

static void give_back(struct block *block)
{
	switch (block->source) {
	case FROM_MMAP:
		munmap(block, block->size);
		break;
	case FROM_MALLOC:
		free(block);
		break;
	case FROM_PAGES:
		free_pages((unsigned long)block, order_of(block->size));
		break;
	case FROM_CACHE:
		kmem_cache_free(block->cache, block);
		break;
	}
}

static void release(void)
{
	while (hoarder.eaten != NULL) {
		struct block *block = hoarder.eaten;

		hoarder.eaten = block->next;
		give_back(block);
	}
}

static void answer(const char *verb)
{
	char text[128];
	const int length =
		snprintf(text, sizeof(text), "%s %llu bytes in %llu blocks\n", verb, hoarder.bytes, hoarder.blocks);

	if (write(hoarder.fd, text, (size_t)length) < 0)
		perror("hoarder");
}

/* Obeys until whoever gives the orders is gone. */
static void hoard(void)
{
	struct pollfd watched = {.fd = hoarder.fd, .events = POLLIN};
	bool hungry = false, answer_due = false;
	int quiet_rounds = 0;

	for (;;) {
		char order = 0;
		const int ready = poll(&watched, 1, hungry ? EAT_AGAIN_MS : -1);

		if (ready > 0 && read(hoarder.fd, &order, 1) == 0)
			break;
		if (order == HOARDER_BEGIN) {
			hungry = answer_due = true;
			quiet_rounds = 0;
		}
		if (order == HOARDER_RELEASE) {
			hungry = answer_due = false;
			release();
			answer("released");
			hoarder.bytes = hoarder.blocks = 0;
		}
		if (hungry) {
			const unsigned long long before = hoarder.blocks;

			eat();
			quiet_rounds = hoarder.blocks == before ? quiet_rounds + 1 : 0;
			if (answer_due && quiet_rounds == QUIET_ROUNDS) {
				answer("hoarding");
				answer_due = false;
			}
		}
	}
	release();
}

static int nothing(struct kmem_cache *cache, void *unused)
{
	(void)cache;
	(void)unused;
	return 0;
}

/*
 * The thread, with all that it will need: a thread's first walk and its first
 * malloc() set things up, and without them it could not get at the heap later.
 */
static void *start(void *unused)
{
	void *volatile first = malloc(HEAP_SMALLEST); /* volatile: or the compiler leaves it out */

	free(first);
	kmem_cache_for_each(nothing, NULL);
	(void)more_left_than(0);
	hoard();
	return unused;
}

/* The number in an environment variable, which must be one. */
static unsigned long long number_in(const char *variable, const char *text)
{
	char *end;
	const unsigned long long number = strtoull(text, &end, 10);

	if (*text == '\0' || *end != '\0') {
		fprintf(stderr, "hoarder: %s: '%s' is not a number\n", variable, text);
		exit(2);
	}
	return number;
}

__attribute__((constructor)) static void start_hoarder(void)
{
	const char *fd = getenv(HOARDER_FD), *leave = getenv(HOARDER_LEAVE);
	pthread_t thread;

	if (fd == NULL)
		return;
	hoarder.fd = (int)number_in(HOARDER_FD, fd);
	if (leave != NULL) {
		hoarder.leave_bytes = number_in(HOARDER_LEAVE, leave);
		mallopt(M_ARENA_MAX, 1); /* else what others free is in a heap of theirs */
	}

	const int error = pthread_create(&thread, NULL, start, NULL);

	if (error != 0) {
		fprintf(stderr, "hoarder: cannot start the thread: %s\n", strerror(error));
		exit(1);
	}
	pthread_detach(thread);
}
