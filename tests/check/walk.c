// SPDX-License-Identifier: MIT
/* walk.c - walking all pools and all caches, also while they come and go (extension). */
#include "scripted.h"

#include <stdio.h>
#include <string.h>

static mempool_t pools[3];

struct search {
	const char *name;
	const void *address;
	int found;
	int visited;
	int stop_after;
};

static int visit_pool(mempool_t *pool, void *arg)
{
	struct search *s = arg;

	s->visited++;
	if (pool == s->address || (s->name && strcmp(mempool_name(pool), s->name) == 0))
		s->found++;
	return s->visited == s->stop_after ? 42 : 0;
}

static int visit_cache(struct kmem_cache *cache, void *arg)
{
	struct search *s = arg;

	s->visited++;
	if (cache == s->address || (s->name && strcmp(kmem_cache_name(cache), s->name) == 0))
		s->found++;
	return s->visited == s->stop_after ? 43 : 0;
}

START_TEST(walk_without_pools)
{
	struct search s = {0};

	ck_assert_int_eq(mempool_for_each(visit_pool, &s), 0);
	ck_assert_int_eq(s.visited, 0);
}
END_TEST

START_TEST(walk_sees_each_pool_once)
{
	mempool_t *created = mempool_create_kmalloc_pool(1, 32);
	struct search s;

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(mempool_init(&pools[i], 1, scripted_alloc, scripted_free, &bk), 0);
	for (int i = 0; i < 4; i++) {
		s = (struct search){.address = i < 3 ? &pools[i] : created};
		ck_assert_int_eq(mempool_for_each(visit_pool, &s), 0);
		ck_assert_int_eq(s.visited, 4);
		ck_assert_int_eq(s.found, 1);
	}
	mempool_exit(&pools[1]);
	s = (struct search){.address = &pools[1]};
	mempool_for_each(visit_pool, &s);
	ck_assert_int_eq(s.visited, 3);
	ck_assert_int_eq(s.found, 0);
	mempool_destroy(created);
	mempool_exit(&pools[0]);
	mempool_exit(&pools[2]);
	s = (struct search){0};
	mempool_for_each(visit_pool, &s);
	ck_assert_int_eq(s.visited, 0);
}
END_TEST

START_TEST(walk_ends_where_the_visitor_says)
{
	struct search s = {.stop_after = 2};

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(mempool_init(&pools[i], 1, scripted_alloc, scripted_free, &bk), 0);
	ck_assert_int_eq(mempool_for_each(visit_pool, &s), 42);
	ck_assert_int_eq(s.visited, 2);
	for (int i = 0; i < 3; i++)
		mempool_exit(&pools[i]);
}
END_TEST

START_TEST(walk_does_not_see_pools_that_failed)
{
	struct search s = {0};

	scripted_set(&bk, "a-", true);
	ck_assert_int_lt(mempool_init(&pools[0], 2, scripted_alloc, scripted_free, &bk), 0);
	mempool_for_each(visit_pool, &s);
	ck_assert_int_eq(s.visited, 0);
}
END_TEST

START_TEST(walk_visitors_may_use_the_pools_figures)
{
	struct search s = {.name = "scripted"};

	scripted_pool(&pools[0], &bk, 2);
	mempool_for_each(visit_pool, &s);
	ck_assert_int_eq(s.found, 1);
	scripted_exit(&pools[0], &bk);
}
END_TEST

START_TEST(walk_sees_caches_and_kmallocs_own)
{
	struct kmem_cache *mine = kmem_cache_create("mine", 64, 0, 0, NULL);
	void *p = kmalloc(64, GFP_KERNEL);
	struct search s = {.name = "mine"};
	int before;

	ck_assert_int_eq(kmem_cache_for_each(visit_cache, &s), 0);
	ck_assert_int_eq(s.found, 1);
	ck_assert_int_gt(s.visited, 1);
	before = s.visited;
	s = (struct search){.stop_after = 1};
	ck_assert_int_eq(kmem_cache_for_each(visit_cache, &s), 43);
	ck_assert_int_eq(s.visited, 1);
	kfree(p);
	kmem_cache_destroy(mine);
	s = (struct search){.name = "mine"};
	ck_assert_int_eq(kmem_cache_for_each(visit_cache, &s), 0);
	ck_assert_int_eq(s.found, 0);
	ck_assert_int_eq(s.visited, before - 1);
}
END_TEST

static int look_closely(mempool_t *pool, void *arg)
{
	struct mempool_statistics st = {.size = sizeof(st)};
	atomic_int *strange = arg;
	const char *name = mempool_name(pool);

	if (mempool_stats(pool, &st) == 0 && (st.curr_nr < 0 || st.curr_nr > 8 || st.min_nr < 0 || st.min_nr > 8))
		atomic_fetch_add(strange, 1);
	if (strncmp(name, "coming", 6) != 0 && strncmp(name, "(un", 3) != 0)
		atomic_fetch_add(strange, 1);
	return 0;
}

static int look_closely_at_cache(struct kmem_cache *cache, void *arg)
{
	struct kmem_cache_statistics st = {.size = sizeof(st)};
	atomic_int *strange = arg;

	if (kmem_cache_stats(cache, &st) || st.object_size != kmem_cache_size(cache) || !kmem_cache_name(cache)[0])
		atomic_fetch_add(strange, 1);
	return 0;
}

static atomic_bool stop;
static atomic_int strange;
static atomic_int walks;

static void walk_all(void *unused)
{
	(void)unused;
	while (!atomic_load(&stop)) {
		mempool_for_each(look_closely, &strange);
		kmem_cache_for_each(look_closely_at_cache, &strange);
		atomic_fetch_add(&walks, 1);
	}
}

static void come_and_go(void *arg)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;
	int rounds = scale(400);
	char name[32];

	for (int i = 0; i < rounds; i++) {
		mempool_t *pool;
		struct kmem_cache *cache;

		snprintf(name, sizeof(name), "coming-%d-%d", *(int *)arg, i);
		attr.name = name;
		cache = kmem_cache_create(name, 32 + (unsigned int)i % 100, 0, 0, NULL);
		pool = mempool_create_attr(i % 8, mempool_alloc_slab, mempool_free_slab, cache, &attr);
		mempool_free(mempool_alloc(pool, GFP_KERNEL), pool);
		mempool_destroy(pool);
		kmem_cache_destroy(cache);
	}
}

START_TEST(walk_while_pools_and_caches_come_and_go)
{
	struct worker walker, w[3];
	int numbers[3] = {0, 1, 2};

	worker_start(&walker, walk_all, NULL);
	for (int i = 0; i < 3; i++)
		worker_start(&w[i], come_and_go, &numbers[i]);
	for (int i = 0; i < 3; i++)
		worker_join(&w[i]);
	atomic_store(&stop, true);
	worker_join(&walker);
	ck_assert_int_eq(atomic_load(&strange), 0);
	ck_assert_int_gt(atomic_load(&walks), 0);
}
END_TEST

TCase *walk_tests(void)
{
	TCase *tc = new_case("walk");

	tcase_add_test(tc, walk_without_pools);
	tcase_add_test(tc, walk_sees_each_pool_once);
	tcase_add_test(tc, walk_ends_where_the_visitor_says);
	tcase_add_test(tc, walk_does_not_see_pools_that_failed);
	tcase_add_test(tc, walk_visitors_may_use_the_pools_figures);
	tcase_add_test(tc, walk_sees_caches_and_kmallocs_own);
	tcase_add_test(tc, walk_while_pools_and_caches_come_and_go);
	return tc;
}
