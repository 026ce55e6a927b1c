// SPDX-License-Identifier: MIT
/*
 * fork.c - a child may use what it inherits, whatever the parent's other threads were doing at the fork (extension).
 *
 * Only ready-made backings here: the scripted one's own lock may be held by a thread that the child does not have. A
 * child that hangs is ended by SIGALRM, and so fails the test.
 */
#include "support.h"

#include <string.h>

static mempool_t *pool;
static struct kmem_cache *cache;
static atomic_bool stop;
static atomic_int busy_rounds;
static struct child_result child;

static int count_pools(mempool_t *p, void *arg)
{
	(void)p;
	++*(int *)arg;
	return 0;
}

static int ignore_cache(struct kmem_cache *s, void *arg)
{
	(void)s;
	(void)arg;
	return 0;
}

/* All that a program does with a pool; returns 0 when it went well, else where it stopped. */
static int use_everything(void *unused)
{
	struct kmem_cache *mine;
	mempool_t *other;
	void *elems[3] = {NULL};
	int seen = 0;
	void *p;

	(void)unused;
	for (int i = 0; i < 50; i++) {
		p = mempool_alloc(pool, i % 2 ? GFP_KERNEL : GFP_ATOMIC);
		if (!p)
			return 1;
		memset(p, i, 64);
		mempool_free(p, pool);
	}
	if (mempool_alloc_bulk(pool, elems, 3, 0))
		return 2;
	for (int i = 0; i < 3; i++)
		mempool_free(elems[i], pool);
	p = kmem_cache_alloc(cache, GFP_KERNEL);
	if (!p)
		return 3;
	kmem_cache_free(cache, p);
	p = kmalloc(100000, GFP_KERNEL);
	if (!p)
		return 4;
	kfree(p);
	if (mempool_resize(pool, 20))
		return 5;
	mempool_for_each(count_pools, &seen);
	if (seen != 1)
		return 6;
	mine = kmem_cache_create("childs", 100, 0, 0, NULL);
	other = mempool_create_slab_pool(3, mine);
	if (!other)
		return 7;
	mempool_free(mempool_alloc(other, GFP_KERNEL), other);
	mempool_destroy(other);
	kmem_cache_destroy(mine);
	return 0;
}

static int use_and_destroy(void *unused)
{
	int where = use_everything(unused);

	if (where)
		return where;
	mempool_destroy(pool);
	return 0;
}

static void make_pool_with(unsigned int at_fork)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;

	attr.at_fork = at_fork;
	cache = kmem_cache_create("parents", 64, 0, 0, NULL);
	pool = mempool_create_attr(4, mempool_alloc_slab, mempool_free_slab, cache, &attr);
	ck_assert_ptr_nonnull(pool);
}

static void make_pool(void)
{
	make_pool_with(MEMPOOL_AT_FORK_COPY);
}

START_TEST(fork_child_uses_the_parents_pool)
{
	make_pool();
	child_run(&child, use_and_destroy, NULL);
	ck_assert_exited(&child, 0);
	ck_assert_int_eq(use_everything(NULL), 0);
	mempool_destroy(pool);
	kmem_cache_destroy(cache);
}
END_TEST

static void busy_with_the_reserve(void *unused)
{
	(void)unused;
	while (!atomic_load(&stop)) {
		void *a = mempool_alloc_preallocated(pool);
		void *b = mempool_alloc(pool, GFP_ATOMIC);

		mempool_free(a, pool);
		mempool_free(b, pool);
		kfree(kmalloc(50, GFP_KERNEL));
		kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL));
		atomic_fetch_add(&busy_rounds, 1);
	}
}

static void busy_with_the_registry(void *unused)
{
	(void)unused;
	while (!atomic_load(&stop)) {
		int seen = 0;

		mempool_for_each(count_pools, &seen);
		kmem_cache_for_each(ignore_cache, NULL);
	}
}

static void busy_with_large_memory(void *unused)
{
	(void)unused;
	while (!atomic_load(&stop)) {
		free_pages(__get_free_pages(GFP_KERNEL, 4), 4);
		kvfree(kvmalloc(5u << 20, GFP_KERNEL));
	}
}

/* _i: what children have of the reserve */
START_TEST(fork_while_other_threads_are_inside)
{
	static void (*const jobs[])(void *) = {busy_with_the_reserve, busy_with_the_reserve, busy_with_the_registry,
					       busy_with_large_memory};
	struct worker w[LENGTH(jobs)];
	int rounds = scale(70);
	const int64_t end_ns = now_ns() + 15000 * NS_PER_MS; /* on a loaded machine a fork takes long */

	make_pool_with((unsigned int)_i);
	for (int i = 0; i < LENGTH(jobs); i++)
		worker_start(&w[i], jobs[i], NULL);
	for (int i = 0; i < rounds && (i < 2 || now_ns() < end_ns); i++) {
		int before = atomic_load(&busy_rounds);

		WAIT_FOR(atomic_load(&busy_rounds) > before);
		child_run(&child, i % 2 ? use_everything : use_and_destroy, NULL);
		ck_assert_exited(&child, 0);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < LENGTH(jobs); i++)
		worker_join(&w[i]);
	mempool_destroy(pool);
	kmem_cache_destroy(cache);
}
END_TEST

static void busy_with_creation(void *unused)
{
	(void)unused;
	while (!atomic_load(&stop)) {
		struct kmem_cache *mine = kmem_cache_create("busy", 100, 0, 0, NULL);
		mempool_t *other = mempool_create_slab_pool(3, mine);

		mempool_resize(other, 5);
		mempool_destroy(other);
		kmem_cache_destroy(mine);
		atomic_fetch_add(&busy_rounds, 1);
	}
}

/* As use_everything(), but other pools may be there. */
static int use_the_pool(void *unused)
{
	void *p = mempool_alloc(pool, GFP_KERNEL);
	mempool_t *mine;

	(void)unused;
	mempool_free(p, pool);
	mine = mempool_create_kmalloc_pool(2, 30);
	if (!mine)
		return 1;
	mempool_destroy(mine);
	mempool_destroy(pool);
	return 0;
}

START_TEST(fork_while_pools_come_and_go)
{
	struct worker w[2];
	int rounds = scale(200);

	make_pool();
	for (int i = 0; i < 2; i++)
		worker_start(&w[i], busy_with_creation, NULL);
	for (int i = 0; i < rounds; i++) {
		int before = atomic_load(&busy_rounds);

		WAIT_FOR(atomic_load(&busy_rounds) > before);
		child_run(&child, use_the_pool, NULL);
		ck_assert_exited(&child, 0);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		worker_join(&w[i]);
	mempool_destroy(pool);
	kmem_cache_destroy(cache);
}
END_TEST

/* ---- a parent with sleepers ---- */

static int given;
static char slots[8][64];

static void *give_four(gfp_t mask, void *data)
{
	(void)mask;
	(void)data;
	return given < 4 ? slots[given++] : NULL;
}

static void take_back(void *element, void *data)
{
	(void)element;
	(void)data;
}

static void *taken[4];

static int child_of_sleepers(void *unused)
{
	struct mempool_statistics st = {.size = sizeof(st)};
	void *p;

	(void)unused;
	/* The sleepers stayed behind with the parent. */
	if (mempool_stats(pool, &st) || st.waiters != 0)
		return 1;
	mempool_free(taken[0], pool);
	mempool_free(taken[1], pool);
	if (mempool_curr_nr(pool) != 2)
		return 2;
	p = mempool_alloc(pool, GFP_KERNEL);
	if (p != taken[1])
		return 3;
	if (mempool_alloc_timeout(pool, GFP_KERNEL, 0) != taken[0])
		return 4;
	if (mempool_alloc_timeout(pool, GFP_KERNEL, (uint64_t)(20 * NS_PER_MS)))
		return 5;
	mempool_free(p, pool);
	mempool_destroy(pool);
	return 0;
}

/* The child's own sleeper, woken by the child's own free. */
static int child_with_its_own_sleeper(void *unused)
{
	static struct sleeper mine;
	int64_t give_up = now_ns() + deadline_ns();
	struct mempool_statistics st = {.size = sizeof(st)};

	(void)unused;
	sleeper_start(&mine, pool);
	while (mempool_stats(pool, &st) == 0 && st.waiters != 1)
		if (now_ns() > give_up)
			return 1;
	mempool_free(taken[2], pool);
	while (!atomic_load(&mine.done))
		if (now_ns() > give_up)
			return 2;
	pthread_join(mine.thread, NULL);
	mempool_stats(pool, &st);
	return mine.element == taken[2] && st.timeouts == 0 ? 0 : 3;
}

START_TEST(fork_with_sleepers)
{
	static struct sleeper s[3];
	int rounds = scale(20);

	pool = mempool_create(4, give_four, take_back, NULL);
	for (int i = 0; i < 4; i++)
		taken[i] = mempool_alloc_preallocated(pool);
	for (int i = 0; i < 3; i++)
		sleeper_start(&s[i], pool);
	wait_for_waiters(pool, 3);
	for (int i = 0; i < rounds; i++) {
		child_run(&child, child_of_sleepers, NULL);
		ck_assert_exited(&child, 0);
		/* ThreadSanitizer allows no new thread in the child of a program with threads. */
		if (under("tsan"))
			continue;
		child_run(&child, child_with_its_own_sleeper, NULL);
		ck_assert_exited(&child, 0);
	}

	/* The parent's sleepers noticed nothing. */
	ck_assert_int_eq(stats_of(pool).waiters, 3);
	for (int i = 0; i < 3; i++)
		mempool_free(taken[i], pool);
	for (int i = 0; i < 3; i++) {
		sleeper_join(&s[i]);
		mempool_free(s[i].element, pool);
	}
	mempool_destroy(pool);
}
END_TEST

TCase *fork_tests(void)
{
	TCase *tc = new_case("fork");

	tcase_add_test(tc, fork_child_uses_the_parents_pool);
	tcase_add_loop_test(tc, fork_while_other_threads_are_inside, 0, 3);
	tcase_add_test(tc, fork_while_pools_come_and_go);
	tcase_add_test(tc, fork_with_sleepers);
	return tc;
}
