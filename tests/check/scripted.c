// SPDX-License-Identifier: MIT
/* scripted.c - see scripted.h. */
#include "scripted.h"

#include <string.h>

struct scripted bk = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool may_give(struct scripted *b)
{
	if (b->script && *b->script)
		return *b->script++ == 'a';
	return !b->dry;
}

static void *take_slot(struct scripted *b)
{
	for (int i = 0; i < SCRIPTED_SLOTS; i++) {
		int slot = (b->given + i) % SCRIPTED_SLOTS;

		if (!b->is_live[slot]) {
			b->is_live[slot] = true;
			b->live++;
			return b->slots[slot];
		}
	}
	return NULL;
}

void *scripted_alloc(gfp_t gfp_mask, void *pool_data)
{
	struct scripted *b = pool_data;
	void *element = NULL;
	void (*on_alloc)(struct scripted *, gfp_t) = __atomic_load_n(&b->on_alloc, __ATOMIC_ACQUIRE);

	if (on_alloc)
		on_alloc(b, gfp_mask);
	pthread_mutex_lock(&b->lock);
	if (may_give(b))
		element = take_slot(b);
	if (b->calls < SCRIPTED_LOG) {
		b->masks[b->calls] = gfp_mask;
		b->gave[b->calls] = element;
	}
	b->calls++;
	b->given += element != NULL;
	pthread_mutex_unlock(&b->lock);
	return element;
}

void scripted_free(void *element, void *pool_data)
{
	struct scripted *b = pool_data;
	size_t offset = (size_t)((unsigned char *)element - b->slots[0]);
	size_t slot = offset / SCRIPTED_BYTES;

	if (b->on_free)
		b->on_free(b, element);
	pthread_mutex_lock(&b->lock);
	if (b->frees < SCRIPTED_LOG)
		b->freed[b->frees] = element;
	b->frees++;
	if (slot < SCRIPTED_SLOTS && offset % SCRIPTED_BYTES == 0 && b->is_live[slot]) {
		b->is_live[slot] = false;
		b->live--;
	} else {
		b->errors++;
	}
	pthread_mutex_unlock(&b->lock);
}

void scripted_forget(struct scripted *b)
{
	pthread_mutex_lock(&b->lock);
	b->calls = 0;
	b->frees = 0;
	pthread_mutex_unlock(&b->lock);
}

void scripted_set(struct scripted *b, const char *script, bool dry)
{
	pthread_mutex_lock(&b->lock);
	b->script = script;
	b->dry = dry;
	pthread_mutex_unlock(&b->lock);
}

void scripted_pool(mempool_t *pool, struct scripted *b, int min_nr)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;

	pthread_mutex_init(&b->lock, NULL);
	scripted_set(b, NULL, false);
	memset(pool, 0, sizeof(*pool));
	b->pool = pool;
	attr.name = "scripted";
	ck_assert_int_eq(mempool_init_attr(pool, min_nr, scripted_alloc, scripted_free, b, &attr), 0);
	ck_assert_int_eq(mempool_curr_nr(pool), min_nr > 0 ? min_nr : 1);
	scripted_forget(b);
}

int scripted_drain(mempool_t *pool, struct scripted *b, void **elems)
{
	void *element;
	int nr = 0;

	scripted_set(b, NULL, true);
	while ((element = mempool_alloc_preallocated(pool)))
		elems[nr++] = element;
	ck_assert_int_eq(mempool_curr_nr(pool), 0);
	return nr;
}

int scripted_calls(struct scripted *b)
{
	int n;

	pthread_mutex_lock(&b->lock);
	n = b->calls;
	pthread_mutex_unlock(&b->lock);
	return n;
}

int scripted_frees(struct scripted *b)
{
	int n;

	pthread_mutex_lock(&b->lock);
	n = b->frees;
	pthread_mutex_unlock(&b->lock);
	return n;
}

int scripted_live(struct scripted *b)
{
	int n;

	pthread_mutex_lock(&b->lock);
	n = b->live;
	pthread_mutex_unlock(&b->lock);
	return n;
}

void scripted_exit(mempool_t *pool, struct scripted *b)
{
	mempool_exit(pool);
	ck_assert_int_eq(scripted_live(b), 0);
	ck_assert_int_eq(b->errors, 0);
}
