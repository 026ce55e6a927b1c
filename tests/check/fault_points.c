// SPDX-License-Identifier: MIT
/* fault_points.c - the library's own points (PAR-38) and those that the kernel lacks. */
#include "fault_support.h"
#include "scripted.h"

#include <errno.h>
#include <mempool/fault-inject.h>
#include <mempool/slab.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static mempool_t pool;

static void named_pool(const char *name, int min_nr)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;

	attr.name = name;
	scripted_set(&bk, "", false);
	ck_assert_int_eq(mempool_init_attr(&pool, min_nr, scripted_alloc, scripted_free, &bk, &attr), 0);
	scripted_forget(&bk);
}

static void end_pool(void)
{
	fault_set("off");
	mempool_exit(&pool);
	ck_assert_int_eq(scripted_live(&bk), 0);
}

START_TEST(par_38_defaults_of_the_points)
{
	static const char *const names[] = {"failslab", "fail_page_alloc", "fail_mempool_alloc",
					    "fail_mempool_alloc_bulk"};

	for (int i = 0; i < LENGTH(names); i++) {
		const struct mempool_fault_point p = fault_point(names[i]);

		ck_assert_uint_eq(p.probability, 0);
		ck_assert_uint_eq(p.interval, 1);
		ck_assert_int_eq(p.times, 1);
		ck_assert_int_eq(p.space, 0);
		ck_assert_uint_eq(p.verbose, 2);
		ck_assert_uint_eq(p.stacktrace_depth, 32);
		ck_assert(p.ignore_gfp_wait && !p.task_filter && !p.cache_filter);
		ck_assert_uint_eq(p.min_order, 1);
	}
}
END_TEST

/* In every pass; a hit sends the caller to the reserve. */
START_TEST(par_38_mempool_alloc)
{
	void *element;

	named_pool("pool", 2);
	fault_set("fail_mempool_alloc:probability=100,times=-1,verbose=0");
	element = mempool_alloc(&pool, GFP_NOWAIT);
	ck_assert_ptr_nonnull(element);
	ck_assert_int_eq(bk.calls, 0);
	ck_assert_int_eq(mempool_curr_nr(&pool), 1);
	mempool_free(element, &pool);
	ck_assert_int_eq(mempool_curr_nr(&pool), 2);
	ck_assert_uint_eq(fault_point("fail_mempool_alloc").failures, 1);

	/* One time only: the second pass asks the backing. */
	element = mempool_alloc_preallocated(&pool);
	pool.min_nr = 2;
	fault_set("fail_mempool_alloc.times=1");
	void *last = mempool_alloc_preallocated(&pool);
	void *third = mempool_alloc(&pool, GFP_KERNEL);

	ck_assert_ptr_nonnull(third);
	ck_assert_int_eq(bk.calls, 1);
	ck_assert_uint_eq(bk.masks[0] & __GFP_DIRECT_RECLAIM, __GFP_DIRECT_RECLAIM);
	mempool_free(element, &pool);
	mempool_free(last, &pool);
	mempool_free(third, &pool);
	end_pool();
}
END_TEST

/* Each pass of one call asks: with both hit, an atomic caller of an empty reserve has nothing. */
START_TEST(par_38_mempool_alloc_each_pass)
{
	void *element;

	named_pool("pool", 1);
	element = mempool_alloc_preallocated(&pool);
	fault_set("fail_mempool_alloc:probability=100,times=-1,verbose=0");
	errno = 0;
	ck_assert_ptr_null(mempool_alloc(&pool, GFP_ATOMIC | __GFP_IO));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_uint_eq(fault_point("fail_mempool_alloc").decisions, 2);
	mempool_free(element, &pool);
	end_pool();
}
END_TEST

/* Once a call; then with the full mask, without the first pass, and without sleeping. */
START_TEST(par_38_mempool_alloc_bulk)
{
	void *elems[4] = {0};

	named_pool("pool", 4);
	fault_set("fail_mempool_alloc_bulk:probability=100,times=-1,verbose=0");
	ck_assert_int_eq(mempool_alloc_bulk(&pool, elems, 4, 0), 0);
	ck_assert_int_eq(bk.calls, 0);
	ck_assert_int_eq(mempool_curr_nr(&pool), 0);
	ck_assert_uint_eq(fault_point("fail_mempool_alloc_bulk").decisions, 1);
	mempool_free(elems[0], &pool);
	mempool_free(elems[1], &pool);
	elems[0] = elems[1] = NULL;

	/* The reserve has 2 of 4. */
	void *more[4] = {0};

	ck_assert_int_eq(mempool_alloc_bulk(&pool, more, 4, 0), 0);
	ck_assert_uint_eq(fault_point("fail_mempool_alloc_bulk").decisions, 2);
	ck_assert_int_eq(bk.calls, 4);
	for (int i = 0; i < bk.calls; i++)
		ck_assert_uint_ne(bk.masks[i] & __GFP_DIRECT_RECLAIM, 0);
	for (int i = 0; i < 4; i++)
		mempool_free(more[i], &pool);
	mempool_free(elems[2], &pool);
	mempool_free(elems[3], &pool);
	end_pool();
}
END_TEST

START_TEST(par_38_failslab)
{
	struct kmem_cache *plain = kmem_cache_create("plain", 64, 0, 0, NULL);
	struct kmem_cache *marked = kmem_cache_create("marked", 64, 0, SLAB_FAILSLAB, NULL);
	void *run[3], *o;

	fault_set("failslab:probability=100,times=-1,verbose=0");
	ck_assert_ptr_nonnull(o = kmem_cache_alloc(plain, GFP_KERNEL)); /* ignore-gfp-wait */
	kmem_cache_free(plain, o);
	errno = 0;
	ck_assert_ptr_null(kmem_cache_alloc(plain, GFP_NOWAIT));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_int_eq(kmem_cache_alloc_bulk(plain, GFP_NOWAIT, 3, run), 0);
	ck_assert_ptr_null(kmalloc(10, GFP_NOWAIT));
	ck_assert_ptr_nonnull(o = kmem_cache_alloc(plain, GFP_NOWAIT | __GFP_NOFAIL));
	kmem_cache_free(plain, o);
	fault_set("failslab.ignore-gfp-wait=N");
	ck_assert_ptr_null(kmem_cache_alloc(plain, GFP_KERNEL));
	ck_assert_ptr_null(kmalloc(10, GFP_KERNEL));
	fault_set("failslab.cache-filter=Y");
	ck_assert_ptr_nonnull(o = kmem_cache_alloc(plain, GFP_KERNEL));
	kmem_cache_free(plain, o);
	ck_assert_ptr_null(kmem_cache_alloc(marked, GFP_KERNEL));

	/* Its unit is bytes. */
	fault_set("failslab:cache-filter=N,space=129");
	ck_assert_ptr_nonnull(o = kmem_cache_alloc(plain, GFP_KERNEL));
	kmem_cache_free(plain, o);
	ck_assert_ptr_nonnull(o = kmem_cache_alloc(plain, GFP_KERNEL));
	kmem_cache_free(plain, o);
	ck_assert_int_eq(fault_point("failslab").space, 1);
	ck_assert_ptr_null(kmem_cache_alloc(plain, GFP_KERNEL));
	fault_set("failslab:space=100"); /* a bulk asks once, by one object */
	ck_assert_int_eq(kmem_cache_alloc_bulk(plain, GFP_KERNEL, 3, run), 3);
	ck_assert_int_eq(fault_point("failslab").space, 36);
	kmem_cache_free_bulk(plain, 3, run);
	fault_set("off");
	ck_assert_ptr_nonnull(o = kmem_cache_alloc(plain, GFP_NOWAIT));
	kmem_cache_free(plain, o);
	kmem_cache_destroy(plain);
	kmem_cache_destroy(marked);
}
END_TEST

START_TEST(par_38_fail_page_alloc)
{
	unsigned long pages;

	fault_set("fail_page_alloc:probability=100,times=-1,verbose=0");
	ck_assert_uint_ne(pages = __get_free_pages(GFP_NOWAIT, 0), 0); /* min-order 1 */
	free_pages(pages, 0);
	ck_assert_uint_eq(__get_free_pages(GFP_NOWAIT, 1), 0);
	ck_assert_uint_ne(pages = __get_free_pages(GFP_KERNEL, 1), 0); /* ignore-gfp-wait */
	free_pages(pages, 1);
	fault_set("fail_page_alloc:min-order=0,ignore-gfp-wait=N");
	ck_assert_uint_eq(__get_free_pages(GFP_KERNEL, 0), 0);
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_uint_ne(pages = __get_free_pages(GFP_KERNEL | __GFP_NOFAIL, 1), 0);
	free_pages(pages, 1);
	fault_set("fail_page_alloc:space=9"); /* its unit is pages */
	ck_assert_uint_ne(pages = __get_free_pages(GFP_KERNEL, 3), 0);
	free_pages(pages, 3);
	ck_assert_int_eq(fault_point("fail_page_alloc").space, 1);
	ck_assert_ptr_null(kvmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL)); /* mappings too */
	ck_assert_int_eq(errno, ENOMEM);
	fault_set("off");
}
END_TEST

/* For a cache by its name: the pages of its slabs. */
START_TEST(par_38_fail_page_alloc_of_one_cache)
{
	struct kmem_cache *mine = kmem_cache_create("it:self", 3000, 0, 0, NULL);
	struct kmem_cache *other = kmem_cache_create("other", 3000, 0, 0, NULL);
	void *o;

	fault_set("fail_page_alloc@\"it:self\":probability=100,times=-1,ignore-gfp-wait=N,verbose=0");
	ck_assert_ptr_null(kmem_cache_alloc(mine, GFP_KERNEL));
	ck_assert_uint_ge(fault_point("fail_page_alloc@it:self").failures, 1);
	ck_assert_ptr_nonnull(o = kmem_cache_alloc(other, GFP_KERNEL));
	kmem_cache_free(other, o);
	fault_set("off");
	kmem_cache_destroy(mine);
	kmem_cache_destroy(other);
}
END_TEST

/* point@NAME: that pool or cache alone, whether it was there first or the setting. */
START_TEST(faults_for_one_pool_or_cache)
{
	struct kmem_cache *mine, *other;
	void *o, *element;

	fault_set("fail_mempool_alloc@mine:probability=100,times=-1,verbose=0;failslab@its_cache:probability=100,times="
		  "-1,"
		  "ignore-gfp-wait=N,verbose=0");
	named_pool("mine", 1);
	element = mempool_alloc(&pool, GFP_NOWAIT);
	ck_assert_int_eq(bk.calls, 0);
	mempool_free(element, &pool);
	mempool_exit(&pool);
	named_pool("not mine", 1);
	element = mempool_alloc(&pool, GFP_NOWAIT);
	ck_assert_int_eq(bk.calls, 1);
	mempool_free(element, &pool);
	mempool_exit(&pool);

	mine = kmem_cache_create("its_cache", 32, 0, 0, NULL);
	other = kmem_cache_create("its_cache2", 32, 0, 0, NULL);
	ck_assert_ptr_null(kmem_cache_alloc(mine, GFP_KERNEL));
	ck_assert_ptr_nonnull(o = kmem_cache_alloc(other, GFP_KERNEL));
	kmem_cache_free(other, o);
	ck_assert_uint_eq(fault_point("failslab@its_cache").failures, 1);
	ck_assert_uint_eq(fault_point("failslab").failures, 0);

	/* Each setting is in force at the next call, with whatever was set before it. */
	fault_set("failslab@its_cache2:probability=100,times=1,ignore-gfp-wait=N,verbose=0");
	ck_assert_ptr_null(kmem_cache_alloc(other, GFP_KERNEL));
	ck_assert_ptr_null(kmem_cache_alloc(mine, GFP_KERNEL));
	ck_assert_ptr_nonnull(o = kmem_cache_alloc(other, GFP_KERNEL)); /* its times are over */
	kmem_cache_free(other, o);
	fault_set("failslab@its_cache:probability=0");
	ck_assert_ptr_nonnull(o = kmem_cache_alloc(mine, GFP_KERNEL));
	kmem_cache_free(mine, o);
	fault_set("off");
	kmem_cache_destroy(mine);
	kmem_cache_destroy(other);
}
END_TEST

/* A pool that has a cache to itself asks both points, its own first, and each once: also when nothing lies ready. */
START_TEST(par_38_a_pool_alone_in_its_cache)
{
	enum { COUNT = 200 };
	struct kmem_cache *cache = kmem_cache_create("alone", 64, 0, 0, NULL);
	mempool_t *p = mempool_create_slab_pool(COUNT, cache);
	struct mempool_statistics st;
	void *elements[COUNT];

	ck_assert_ptr_nonnull(p);
	fault_set("fail_mempool_alloc:probability=100,interval=2,times=-1,verbose=0;"
		  "failslab@alone:probability=100,interval=2,times=-1,verbose=0");
	for (int i = 0; i < COUNT; i++)
		ck_assert_ptr_nonnull(elements[i] = mempool_alloc(p, GFP_NOWAIT));
	ck_assert_uint_eq(fault_point("fail_mempool_alloc").failures, COUNT / 2);
	ck_assert_uint_eq(fault_point("failslab@alone").failures, COUNT / 4);
	fault_set("off");
	st = stats_of(p);
	ck_assert_uint_eq(st.allocs, COUNT);
	ck_assert_uint_eq(st.backing_failures, COUNT / 2 + COUNT / 4);
	ck_assert_uint_eq(st.from_reserve, COUNT / 2 + COUNT / 4);
	ck_assert_int_eq(mempool_curr_nr(p), COUNT / 4);
	for (int i = 0; i < COUNT; i++)
		mempool_free(elements[i], p);
	ck_assert_int_eq(mempool_curr_nr(p), COUNT);
	mempool_destroy(p);
	kmem_cache_destroy(cache);
}
END_TEST

static struct kmem_cache *busy;
static bool stop_busy;

static void *keep_busy(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop_busy, __ATOMIC_RELAXED))
		kmem_cache_free(busy, kmem_cache_alloc(busy, GFP_KERNEL));
	return NULL;
}

/* A thread that looks a cache's name up while it is being set does not keep what it saw of it. */
START_TEST(faults_for_one_while_it_is_in_use)
{
	pthread_t thread;

	busy = kmem_cache_create("busy", 32, 0, 0, NULL);
	ck_assert_int_eq(pthread_create(&thread, NULL, keep_busy, NULL), 0);
	for (int i = 0; i < 500; i++) {
		fault_set("failslab@busy:probability=100,times=-1,ignore-gfp-wait=N,verbose=0");
		ck_assert_ptr_null(kmem_cache_alloc(busy, GFP_KERNEL));
		fault_set("failslab@busy:probability=0");
		void *object = kmem_cache_alloc(busy, GFP_KERNEL);

		ck_assert_ptr_nonnull(object);
		kmem_cache_free(busy, object);
	}
	__atomic_store_n(&stop_busy, true, __ATOMIC_RELAXED);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	fault_set("off");
	kmem_cache_destroy(busy);
}
END_TEST

START_TEST(faults_that_the_kernel_lacks)
{
	struct kmem_cache *cache;
	void *a, *b;

	named_pool("pool", 2);
	fault_set("fail_mempool_resize:probability=100,verbose=0");
	ck_assert_int_eq(mempool_resize(&pool, 8), -ENOMEM);
	ck_assert_int_eq(pool.min_nr, 2); /* PAR-27 */
	ck_assert_int_eq(mempool_resize(&pool, 8), 0);
	ck_assert_int_eq(mempool_resize(&pool, 2), 0);

	/* The reserve counts as empty. */
	fault_set("drain_mempool_reserve:probability=100,verbose=0");
	ck_assert_ptr_null(mempool_alloc_preallocated(&pool));
	ck_assert_int_eq(mempool_curr_nr(&pool), 2);
	ck_assert_ptr_nonnull(a = mempool_alloc_preallocated(&pool));

	/* A free that comes home with the next. */
	fault_set("delay_mempool_free:probability=100,times=2,verbose=0");
	ck_assert_ptr_nonnull(b = mempool_alloc_preallocated(&pool));
	mempool_free(a, &pool);
	ck_assert_int_eq(mempool_curr_nr(&pool), 0);
	mempool_free(b, &pool);
	ck_assert_int_eq(mempool_curr_nr(&pool), 1);
	end_pool(); /* and with the pool's end, at the latest */

	fault_set("fail_mempool_create@new:probability=100,verbose=0;fail_kmem_cache_create:probability=100,verbose=0");
	errno = 0;
	ck_assert_ptr_null(cache = kmem_cache_create("c", 8, 0, 0, NULL));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_ptr_nonnull(cache = kmem_cache_create("c", 8, 0, 0, NULL));
	kmem_cache_destroy(cache);
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;

	attr.name = "new";
	ck_assert_int_eq(mempool_init_attr(&pool, 2, scripted_alloc, scripted_free, &bk, &attr), -ENOMEM);
	ck_assert(!mempool_initialized(&pool));
	ck_assert_int_eq(scripted_live(&bk), 0);
	fault_set("off");
}
END_TEST

START_TEST(faults_with_a_dry_backing_end_in_sleep_not_in_a_loop)
{
	void *held;

	named_pool("pool", 1);
	scripted_set(&bk, "", true);
	held = mempool_alloc(&pool, GFP_NOWAIT);
	fault_set("delay_mempool_free:probability=100,times=-1,verbose=0");
	mempool_free(held, &pool); /* it is held back */
	ck_assert_int_eq(mempool_curr_nr(&pool), 0);
	/* 5 s later, at the latest, who waits has it. */
	ck_assert_ptr_eq(held = mempool_alloc_timeout(&pool, GFP_KERNEL, 20000000000ull), held);
	fault_set("off");
	mempool_free(held, &pool);
	end_pool();
}
END_TEST

START_TEST(faults_by_nth)
{
	void *element;

	named_pool("pool", 1);
	mempool_fault_set_nth(2);
	element = mempool_alloc(&pool, GFP_NOWAIT); /* the first decision */
	ck_assert_int_eq(bk.calls, 1);
	mempool_free(element, &pool);
	ck_assert_uint_eq(mempool_fault_get_nth(), 1);
	while (mempool_fault_get_nth() != 0) {
		element = mempool_alloc(&pool, GFP_NOWAIT);
		mempool_free(element, &pool);
	}
	ck_assert_uint_eq(mempool_fault_hits(), 1);
	expect_some_report("the thread's nth");
	end_pool();
}
END_TEST

TCase *fault_point_tests(void)
{
	TCase *tc = new_case("fault_points");

	tcase_add_test(tc, par_38_defaults_of_the_points);
	tcase_add_test(tc, par_38_mempool_alloc);
	tcase_add_test(tc, par_38_mempool_alloc_each_pass);
	tcase_add_test(tc, par_38_mempool_alloc_bulk);
	tcase_add_test(tc, par_38_failslab);
	tcase_add_test(tc, par_38_fail_page_alloc);
	tcase_add_test(tc, par_38_fail_page_alloc_of_one_cache);
	tcase_add_test(tc, par_38_a_pool_alone_in_its_cache);
	tcase_add_test(tc, faults_for_one_pool_or_cache);
	tcase_add_test(tc, faults_for_one_while_it_is_in_use);
	tcase_add_test(tc, faults_that_the_kernel_lacks);
	tcase_add_test(tc, faults_with_a_dry_backing_end_in_sleep_not_in_a_loop);
	tcase_add_test(tc, faults_by_nth);
	return tc;
}
