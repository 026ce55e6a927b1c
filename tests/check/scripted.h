/* SPDX-License-Identifier: MIT */
/*
 * scripted.h - a backing that does as it is told, and remembers each call.
 *
 * Its elements are slots of one array, handed out in order (then the free ones again), so a test knows which is which:
 * the n-th element ever given is the n-th slot. Any thread may use it; hooks run outside its lock.
 */
#ifndef TESTS_CHECK_SCRIPTED_H
#define TESTS_CHECK_SCRIPTED_H

#include "support.h"

#define SCRIPTED_SLOTS 512
#define SCRIPTED_BYTES 64
#define SCRIPTED_LOG 256

struct scripted {
	pthread_mutex_t lock;
	const char *script; /* a character a call: 'a' gives, '-' refuses; at its end @dry decides */
	bool dry;
	void (*on_alloc)(struct scripted *b, gfp_t mask); /* before each call is decided */
	void (*on_free)(struct scripted *b, void *element);
	mempool_t *pool; /* for the hooks */
	int calls;       /* of alloc_fn */
	int frees;       /* of free_fn */
	int given;       /* calls that gave an element */
	int live;        /* elements given and not freed */
	int errors;      /* elements freed that were not live */
	gfp_t masks[SCRIPTED_LOG];
	void *gave[SCRIPTED_LOG];
	void *freed[SCRIPTED_LOG];
	bool is_live[SCRIPTED_SLOTS];
	_Alignas(64) unsigned char slots[SCRIPTED_SLOTS][SCRIPTED_BYTES];
};

/* The one that most tests use. */
extern struct scripted bk;

void *scripted_alloc(gfp_t gfp_mask, void *pool_data);
void scripted_free(void *element, void *pool_data);

/* scripted_pool() - initialise a zeroed pool on a backing that gives, with the counts set back to 0 afterwards. */
void scripted_pool(mempool_t *pool, struct scripted *b, int min_nr);

/* scripted_set() - from now on: this script, then dry or not. */
void scripted_set(struct scripted *b, const char *script, bool dry);

/* scripted_forget() - set the counts and the log back; elements that are out stay out. */
void scripted_forget(struct scripted *b);

/* scripted_drain() - refuse from now on, and take the whole reserve into @elems; returns how many. */
int scripted_drain(mempool_t *pool, struct scripted *b, void **elems);

int scripted_calls(struct scripted *b);
int scripted_frees(struct scripted *b);
int scripted_live(struct scripted *b);

/* scripted_exit() - exit the pool, and check that every element came home, once. */
void scripted_exit(mempool_t *pool, struct scripted *b);

/* What the mask becomes on its way to alloc_fn (PAR-8, PAR-9). */
#define FULL_MASK(gfp) ((gfp) | __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN)
#define FIRST_MASK(gfp) (FULL_MASK(gfp) & ~(__GFP_DIRECT_RECLAIM | __GFP_IO))

#endif /* TESTS_CHECK_SCRIPTED_H */
