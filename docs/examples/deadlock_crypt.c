// SPDX-License-Identifier: MIT
/*
 * deadlock_crypt.c - the deadlock of two loops, as an encrypting block driver had it (PAR-18).
 *
 * Each write needs a number of pages to encrypt into, and takes them one by one from a pool that all writes share. Two
 * writes that have each taken half of the reserve wait for each other for ever: neither frees a page before it has all.
 *
 *   deadlock_crypt loop    hangs, sooner or later; mempool run --on-deadlock=abort -- deadlock_crypt loop says why
 *   deadlock_crypt bulk    takes all pages of a write at once, or none: mempool_alloc_bulk()
 */
#include <mempool/mempool.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGES = 4, RESERVE = 6, WRITERS = 2, WRITES = 10000 };

static mempool_t *page_pool;
static int bulk;

/* Memory has run out: only the reserve is left, once it is filled. */
static void *alloc_page(gfp_t gfp_mask, void *pages_left)
{
	int *left = pages_left;

	(void)gfp_mask;
	return __atomic_fetch_sub(left, 1, __ATOMIC_RELAXED) > 0 ? malloc(4096) : NULL;
}

static void free_page_(void *page, void *unused)
{
	(void)unused;
	free(page);
}

static void take_pages(void **pages)
{
	memset(pages, 0, PAGES * sizeof(*pages));
	if (bulk) {
		mempool_alloc_bulk(page_pool, pages, PAGES, 0);
		return;
	}
	for (volatile int i = 0; i < PAGES; i++) {
		pages[i] = mempool_alloc(page_pool, GFP_NOIO);
		sched_yield(); /* so that the writers meet */
	}
}

static void *write_requests(void *unused)
{
	void *pages[PAGES];

	for (int n = 0; n < WRITES; n++) {
		take_pages(pages);
		for (int i = 0; i < PAGES; i++)
			memset(pages[i], n, 4096); /* encrypt */
		for (int i = 0; i < PAGES; i++)
			mempool_free(pages[i], page_pool);
	}
	return unused;
}

int main(int argc, char **argv)
{
	int pages_left = RESERVE;
	pthread_t writers[WRITERS];

	if (argc != 2 || (strcmp(argv[1], "loop") != 0 && strcmp(argv[1], "bulk") != 0)) {
		fprintf(stderr, "usage: %s loop|bulk\n", argv[0]);
		return 2;
	}
	bulk = strcmp(argv[1], "bulk") == 0;
	alarm(60); /* whoever runs this without a watcher is not to wait for ever */
	page_pool = mempool_create(RESERVE, alloc_page, free_page_, &pages_left);
	if (page_pool == NULL)
		return 1;
	for (int i = 0; i < WRITERS; i++)
		if (pthread_create(&writers[i], NULL, write_requests, NULL) != 0)
			return 1;
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writers[i], NULL);
	mempool_destroy(page_pool);
	printf("%d writes of %d pages each\n", WRITERS * WRITES, PAGES);
	return 0;
}
