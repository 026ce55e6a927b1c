// SPDX-License-Identifier: MIT
/*
 * threads.c - many threads in one pool at the same time: no element is lost, none is handed out twice (PAR-28, PAR-24).
 *
 * Each element has an owner word. Who gets an element sets it from 0 to 1, who gives it back sets it to 0; a 1 found
 * there means that somebody else has the element, too.
 */
#include "scripted.h"

#include <sched.h>
#include <string.h>

#define THREADS 4

static mempool_t pool;
static atomic_int doubly_owned;
static atomic_bool stop;

struct actor {
	struct worker w;
	unsigned int seed;
	int rounds;
	gfp_t mask;
	bool bulk;
	bool timed;
};

static struct actor actors[2 * THREADS];

static void own(void *element)
{
	atomic_int *owner = element;

	if (atomic_exchange(owner, 1))
		atomic_fetch_add(&doubly_owned, 1);
}

static void disown(void *element)
{
	atomic_int *owner = element;

	if (!atomic_exchange(owner, 0))
		atomic_fetch_add(&doubly_owned, 1);
}

static unsigned int next_random(unsigned int *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 16;
}

static void one_element(struct actor *a)
{
	void *element = a->timed ? mempool_alloc_timeout(&pool, a->mask, next_random(&a->seed) % 100000)
				 : mempool_alloc(&pool, a->mask);

	if (!element)
		return;
	own(element);
	if (next_random(&a->seed) % 4 == 0)
		sched_yield();
	disown(element);
	mempool_free(element, &pool);
}

static void several_elements(struct actor *a)
{
	void *elems[2] = {NULL, NULL};

	mempool_alloc_bulk(&pool, elems, 2, 0);
	for (int i = 0; i < 2; i++)
		own(elems[i]);
	if (next_random(&a->seed) % 4 == 0)
		sched_yield();
	for (int i = 0; i < 2; i++)
		disown(elems[i]);
	if (next_random(&a->seed) % 2) {
		for (int i = 0; i < 2; i++)
			mempool_free(elems[i], &pool);
		return;
	}
	for (unsigned int i = mempool_free_bulk(&pool, elems, 2); i < 2; i++)
		mempool_free(elems[i], &pool);
}

static void act(void *arg)
{
	struct actor *a = arg;

	for (int i = 0; i < a->rounds && !atomic_load(&stop); i++) {
		if (a->bulk)
			several_elements(a);
		else
			one_element(a);
	}
}

static void start(int nr, int rounds)
{
	for (int i = 0; i < nr; i++) {
		actors[i].seed = (unsigned int)i + 1;
		actors[i].rounds = rounds;
		worker_start(&actors[i].w, act, &actors[i]);
	}
}

static void finish(int nr)
{
	for (int i = 0; i < nr; i++)
		worker_join(&actors[i].w);
	ck_assert_int_eq(atomic_load(&doubly_owned), 0);
	ck_assert_int_eq(stats_of(&pool).waiters, 0);
}

static void set_actor(int i, gfp_t mask, bool bulk, bool timed)
{
	actors[i].mask = mask;
	actors[i].bulk = bulk;
	actors[i].timed = timed;
}

START_TEST(par_24_threads_share_one_element_without_a_lost_wake_up)
{
	scripted_pool(&pool, &bk, 1);
	scripted_set(&bk, NULL, true);
	for (int i = 0; i < THREADS; i++)
		set_actor(i, GFP_KERNEL, false, false);
	start(THREADS, scale(10000));
	finish(THREADS);
	ck_assert_int_eq(mempool_curr_nr(&pool), 1);
	ck_assert_int_eq(bk.frees, 0);
	if (!under("valgrind"))
		ck_assert_uint_eq(stats_of(&pool).timeouts, 0);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_24_singles_bulks_and_timeouts_on_a_dry_pool)
{
	scripted_pool(&pool, &bk, 4);
	scripted_set(&bk, NULL, true);
	for (int i = 0; i < THREADS; i++) {
		set_actor(2 * i, i % 2 ? GFP_KERNEL : GFP_ATOMIC, false, i == 3);
		set_actor(2 * i + 1, GFP_KERNEL, i % 2, false);
	}
	start(2 * THREADS, scale(4000));
	finish(2 * THREADS);
	ck_assert_int_eq(mempool_curr_nr(&pool), 4);
	ck_assert_int_eq(bk.frees, 0);
	ck_assert_int_eq(scripted_live(&bk), 4);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(par_21_threads_on_a_backing_that_comes_and_goes)
{
	int rounds = scale(300);

	scripted_pool(&pool, &bk, 6);
	for (int i = 0; i < THREADS; i++)
		set_actor(i, i % 2 ? GFP_KERNEL : GFP_NOWAIT, i == 3, false);
	start(THREADS, INT32_MAX);
	for (int i = 0; i < rounds; i++) {
		scripted_set(&bk, NULL, i % 2 == 0);
		poll_pause();
	}
	scripted_set(&bk, NULL, false);
	atomic_store(&stop, true);
	finish(THREADS);

	/* Everything is back: the reserve is full, and what is live in the backing is just the reserve. */
	ck_assert_int_eq(mempool_curr_nr(&pool), 6);
	ck_assert_int_eq(scripted_live(&bk), 6);
	scripted_exit(&pool, &bk);
}
END_TEST

static void resize_about(int rounds)
{
	static const int sizes[] = {8, 2, 5, 16, 3, 64, 2, 33};

	for (int i = 0; i < rounds; i++) {
		ck_assert_int_eq(mempool_resize(&pool, sizes[i % LENGTH(sizes)]), 0);
		if (i % 16 == 0)
			poll_pause();
	}
}

static void after_resizing(void)
{
	int level;

	atomic_store(&stop, true);
	finish(THREADS);
	scripted_set(&bk, NULL, false);
	ck_assert_int_eq(mempool_resize(&pool, 7), 0);
	ck_assert_int_eq(mempool_resize(&pool, 4), 0);
	level = mempool_curr_nr(&pool);
	ck_assert_int_eq(level, 4);
	ck_assert_int_eq(scripted_live(&bk), 4);
	ck_assert_int_eq(pool.min_nr, 4);
	scripted_exit(&pool, &bk);
}

START_TEST(par_28_resize_while_four_threads_alloc_and_free)
{
	scripted_pool(&pool, &bk, 4);
	for (int i = 0; i < THREADS; i++)
		set_actor(i, i % 2 ? GFP_KERNEL : GFP_ATOMIC, i == 3, false);
	start(THREADS, INT32_MAX);
	resize_about(scale(4000));
	after_resizing();
}
END_TEST

START_TEST(par_28_resize_of_a_dry_pool_while_four_threads_alloc_and_free)
{
	/* The backing refuses one call in two, so that the reserve is what everybody lives on. */
	static char script[100001];

	memset(script, '-', sizeof(script) - 1);
	for (size_t i = 0; i < sizeof(script) - 1; i += 2)
		script[i] = 'a';
	scripted_pool(&pool, &bk, 4);
	for (int i = 0; i < THREADS; i++)
		set_actor(i, i % 2 ? GFP_KERNEL : GFP_ATOMIC, i == 3, i == 2);
	scripted_set(&bk, script, false);
	start(THREADS, INT32_MAX);
	resize_about(scale(2000));
	after_resizing();
}
END_TEST

static void resize_elsewhere(void *arg)
{
	unsigned int seed = *(unsigned int *)arg;

	while (!atomic_load(&stop))
		mempool_resize(&pool, (int)(next_random(&seed) % 20) + 2);
}

START_TEST(par_28_several_threads_resize_at_once)
{
	static unsigned int seeds[2] = {11, 12};
	struct worker w[2];
	int rounds = scale(200);

	scripted_pool(&pool, &bk, 4);
	for (int i = 0; i < THREADS; i++)
		set_actor(i, i % 2 ? GFP_KERNEL : GFP_ATOMIC, i == 3, false);
	start(THREADS, INT32_MAX);
	for (int i = 0; i < 2; i++)
		worker_start(&w[i], resize_elsewhere, &seeds[i]);
	for (int i = 0; i < rounds; i++)
		poll_pause();
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		worker_join(&w[i]);
	ck_assert_int_le(mempool_curr_nr(&pool), pool.min_nr);
	after_resizing();
}
END_TEST

/* Objects of one cache, allocated in one thread and freed in another. */
static struct kmem_cache *cache;
static _Atomic(void *) exchange[64];

static void swap_objects(void *arg)
{
	struct actor *a = arg;

	for (int i = 0; i < a->rounds; i++) {
		unsigned int slot = next_random(&a->seed) % 64;
		void *mine = next_random(&a->seed) % 3 ? kmem_cache_alloc(cache, GFP_KERNEL) : NULL;
		void *theirs;

		if (mine)
			own(mine);
		theirs = atomic_exchange(&exchange[slot], mine);
		if (theirs) {
			disown(theirs);
			kmem_cache_free(cache, theirs);
		}
	}
}

static void clear_object(void *object)
{
	memset(object, 0, 48);
}

START_TEST(par_31_cache_objects_cross_threads)
{
	struct kmem_cache_statistics st = {.size = sizeof(st)};

	cache = kmem_cache_create("crossing", 48, 0, 0, clear_object);
	ck_assert_ptr_nonnull(cache);
	for (int i = 0; i < THREADS; i++) {
		actors[i].seed = (unsigned int)i + 1;
		actors[i].rounds = scale(100000);
		worker_start(&actors[i].w, swap_objects, &actors[i]);
	}
	for (int i = 0; i < THREADS; i++)
		worker_join(&actors[i].w);
	ck_assert_int_eq(atomic_load(&doubly_owned), 0);
	for (int i = 0; i < 64; i++)
		if (atomic_load(&exchange[i]))
			kmem_cache_free(cache, atomic_load(&exchange[i]));
	ck_assert_int_eq(kmem_cache_stats(cache, &st), 0);
	ck_assert_uint_eq(st.objects, 0);
	ck_assert_uint_eq(st.allocs, st.frees);
	ck_assert_int_eq(kmem_cache_shrink(cache), 0);
	kmem_cache_destroy(cache);
}
END_TEST

static void swap_kmalloc(void *arg)
{
	struct actor *a = arg;

	for (int i = 0; i < a->rounds; i++) {
		size_t size = (size_t)8 << next_random(&a->seed) % 13;
		unsigned char *mine = kmalloc(size, GFP_KERNEL);

		if (mine) {
			mine[0] = 1;
			mine[size - 1] = 1;
		}
		kfree(atomic_exchange(&exchange[next_random(&a->seed) % 64], mine));
	}
}

START_TEST(par_32_kmalloc_crosses_threads)
{
	for (int i = 0; i < THREADS; i++) {
		actors[i].seed = (unsigned int)i + 1;
		actors[i].rounds = scale(30000);
		worker_start(&actors[i].w, swap_kmalloc, &actors[i]);
	}
	for (int i = 0; i < THREADS; i++)
		worker_join(&actors[i].w);
	for (int i = 0; i < 64; i++)
		kfree(atomic_load(&exchange[i]));
}
END_TEST

TCase *threads_tests(void)
{
	TCase *tc = new_case("threads");

	tcase_add_checked_fixture(tc, on_all_cpus, NULL);
	tcase_add_test(tc, par_24_threads_share_one_element_without_a_lost_wake_up);
	tcase_add_test(tc, par_24_singles_bulks_and_timeouts_on_a_dry_pool);
	tcase_add_test(tc, par_21_threads_on_a_backing_that_comes_and_goes);
	tcase_add_test(tc, par_28_resize_while_four_threads_alloc_and_free);
	tcase_add_test(tc, par_28_resize_of_a_dry_pool_while_four_threads_alloc_and_free);
	tcase_add_test(tc, par_28_several_threads_resize_at_once);
	tcase_add_test(tc, par_31_cache_objects_cross_threads);
	tcase_add_test(tc, par_32_kmalloc_crosses_threads);
	return tc;
}
