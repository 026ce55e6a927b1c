// SPDX-License-Identifier: MIT
/* fault_points.c - the library's own points (PAR-38) and those that the kernel lacks; settings as text. */
#include "scripted.h"

#include <errno.h>
#include <mempool/fault-inject.h>
#include <mempool/slab.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static mempool_t pool;
static struct child_result child;

static void set(const char *text)
{
	struct mempool_fault_error error = {.size = sizeof(error)};

	ck_assert_msg(mempool_fault_apply(0, text, &error) == 0, "'%s', byte %zu: %s", text, error.offset, error.text);
}

static int find(const struct mempool_fault_point *point, void *arg)
{
	struct mempool_fault_point *wanted = arg;

	if (strcmp(point->name, wanted->name) != 0)
		return 0;
	*wanted = *point;
	return 1;
}

static struct mempool_fault_point point(const char *name)
{
	struct mempool_fault_point p = {0};

	strcpy(p.name, name);
	ck_assert_msg(mempool_fault_each(0, find, &p) == 1, "there is no point '%s'", name);
	return p;
}

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
	set("off");
	mempool_exit(&pool);
	ck_assert_int_eq(scripted_live(&bk), 0);
}

START_TEST(par_38_defaults_of_the_points)
{
	static const char *const names[] = {"failslab", "fail_page_alloc", "fail_mempool_alloc",
					    "fail_mempool_alloc_bulk"};

	for (int i = 0; i < LENGTH(names); i++) {
		const struct mempool_fault_point p = point(names[i]);

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
	set("fail_mempool_alloc:probability=100,times=-1,verbose=0");
	element = mempool_alloc(&pool, GFP_NOWAIT);
	ck_assert_ptr_nonnull(element);
	ck_assert_int_eq(bk.calls, 0);
	ck_assert_int_eq(mempool_curr_nr(&pool), 1);
	mempool_free(element, &pool);
	ck_assert_int_eq(mempool_curr_nr(&pool), 2);
	ck_assert_uint_eq(point("fail_mempool_alloc").failures, 1);

	/* One time only: the second pass asks the backing. */
	element = mempool_alloc_preallocated(&pool);
	pool.min_nr = 2;
	set("fail_mempool_alloc.times=1");
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
	set("fail_mempool_alloc:probability=100,times=-1,verbose=0");
	errno = 0;
	ck_assert_ptr_null(mempool_alloc(&pool, GFP_ATOMIC | __GFP_IO));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_uint_eq(point("fail_mempool_alloc").decisions, 2);
	mempool_free(element, &pool);
	end_pool();
}
END_TEST

/* Once a call; then with the full mask, without the first pass, and without sleeping. */
START_TEST(par_38_mempool_alloc_bulk)
{
	void *elems[4] = {0};

	named_pool("pool", 4);
	set("fail_mempool_alloc_bulk:probability=100,times=-1,verbose=0");
	ck_assert_int_eq(mempool_alloc_bulk(&pool, elems, 4, 0), 0);
	ck_assert_int_eq(bk.calls, 0);
	ck_assert_int_eq(mempool_curr_nr(&pool), 0);
	ck_assert_uint_eq(point("fail_mempool_alloc_bulk").decisions, 1);
	mempool_free(elems[0], &pool);
	mempool_free(elems[1], &pool);
	elems[0] = elems[1] = NULL;

	/* The reserve has 2 of 4. */
	void *more[4] = {0};

	ck_assert_int_eq(mempool_alloc_bulk(&pool, more, 4, 0), 0);
	ck_assert_uint_eq(point("fail_mempool_alloc_bulk").decisions, 2);
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

	set("failslab:probability=100,times=-1,verbose=0");
	ck_assert_ptr_nonnull(o = kmem_cache_alloc(plain, GFP_KERNEL)); /* ignore-gfp-wait */
	kmem_cache_free(plain, o);
	errno = 0;
	ck_assert_ptr_null(kmem_cache_alloc(plain, GFP_NOWAIT));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_int_eq(kmem_cache_alloc_bulk(plain, GFP_NOWAIT, 3, run), 0);
	ck_assert_ptr_null(kmalloc(10, GFP_NOWAIT));
	ck_assert_ptr_nonnull(o = kmem_cache_alloc(plain, GFP_NOWAIT | __GFP_NOFAIL));
	kmem_cache_free(plain, o);
	set("failslab.ignore-gfp-wait=N");
	ck_assert_ptr_null(kmem_cache_alloc(plain, GFP_KERNEL));
	ck_assert_ptr_null(kmalloc(10, GFP_KERNEL));
	set("failslab.cache-filter=Y");
	ck_assert_ptr_nonnull(o = kmem_cache_alloc(plain, GFP_KERNEL));
	kmem_cache_free(plain, o);
	ck_assert_ptr_null(kmem_cache_alloc(marked, GFP_KERNEL));

	/* Its unit is bytes. */
	set("failslab:cache-filter=N,space=129");
	ck_assert_ptr_nonnull(o = kmem_cache_alloc(plain, GFP_KERNEL));
	kmem_cache_free(plain, o);
	ck_assert_ptr_nonnull(o = kmem_cache_alloc(plain, GFP_KERNEL));
	kmem_cache_free(plain, o);
	ck_assert_int_eq(point("failslab").space, 1);
	ck_assert_ptr_null(kmem_cache_alloc(plain, GFP_KERNEL));
	set("off");
	ck_assert_ptr_nonnull(o = kmem_cache_alloc(plain, GFP_NOWAIT));
	kmem_cache_free(plain, o);
	kmem_cache_destroy(plain);
	kmem_cache_destroy(marked);
}
END_TEST

START_TEST(par_38_fail_page_alloc)
{
	unsigned long pages;

	set("fail_page_alloc:probability=100,times=-1,verbose=0");
	ck_assert_uint_ne(pages = __get_free_pages(GFP_NOWAIT, 0), 0); /* min-order 1 */
	free_pages(pages, 0);
	ck_assert_uint_eq(__get_free_pages(GFP_NOWAIT, 1), 0);
	ck_assert_uint_ne(pages = __get_free_pages(GFP_KERNEL, 1), 0); /* ignore-gfp-wait */
	free_pages(pages, 1);
	set("fail_page_alloc:min-order=0,ignore-gfp-wait=N");
	ck_assert_uint_eq(__get_free_pages(GFP_KERNEL, 0), 0);
	ck_assert_int_eq(errno, ENOMEM);
	set("off");
}
END_TEST

/* point@NAME: that pool or cache alone, whether it was there first or the setting. */
START_TEST(faults_for_one_pool_or_cache)
{
	struct kmem_cache *mine, *other;
	void *o, *element;

	set("fail_mempool_alloc@mine:probability=100,times=-1,verbose=0;failslab@its_cache:probability=100,times=-1,"
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
	ck_assert_uint_eq(point("failslab@its_cache").failures, 1);
	ck_assert_uint_eq(point("failslab").failures, 0);
	set("off");
	kmem_cache_destroy(mine);
	kmem_cache_destroy(other);
}
END_TEST

START_TEST(faults_that_the_kernel_lacks)
{
	struct kmem_cache *cache;
	void *a, *b;

	named_pool("pool", 2);
	set("fail_mempool_resize:probability=100,verbose=0");
	ck_assert_int_eq(mempool_resize(&pool, 8), -ENOMEM);
	ck_assert_int_eq(pool.min_nr, 2); /* PAR-27 */
	ck_assert_int_eq(mempool_resize(&pool, 8), 0);
	ck_assert_int_eq(mempool_resize(&pool, 2), 0);

	/* The reserve counts as empty. */
	set("drain_mempool_reserve:probability=100,verbose=0");
	ck_assert_ptr_null(mempool_alloc_preallocated(&pool));
	ck_assert_int_eq(mempool_curr_nr(&pool), 2);
	ck_assert_ptr_nonnull(a = mempool_alloc_preallocated(&pool));

	/* A free that comes home with the next. */
	set("delay_mempool_free:probability=100,times=2,verbose=0");
	ck_assert_ptr_nonnull(b = mempool_alloc_preallocated(&pool));
	mempool_free(a, &pool);
	ck_assert_int_eq(mempool_curr_nr(&pool), 0);
	mempool_free(b, &pool);
	ck_assert_int_eq(mempool_curr_nr(&pool), 1);
	end_pool(); /* and with the pool's end, at the latest */

	set("fail_mempool_create@new:probability=100,verbose=0;fail_kmem_cache_create:probability=100,verbose=0");
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
	set("off");
}
END_TEST

START_TEST(faults_with_a_dry_backing_end_in_sleep_not_in_a_loop)
{
	void *held;

	named_pool("pool", 1);
	scripted_set(&bk, "", true);
	held = mempool_alloc(&pool, GFP_NOWAIT);
	set("delay_mempool_free:probability=100,times=-1,verbose=0");
	mempool_free(held, &pool); /* it is held back */
	ck_assert_int_eq(mempool_curr_nr(&pool), 0);
	/* 5 s later, at the latest, who waits has it. */
	ck_assert_ptr_eq(held = mempool_alloc_timeout(&pool, GFP_KERNEL, 20000000000ull), held);
	set("off");
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

START_TEST(faults_text_is_refused_whole)
{
	static const struct {
		const char *text;
		size_t offset;
	} bad[] = {{"failslob=1,2,3,4", 0},
		   {"failslab", 8},
		   {"failslab=1,2,3", 14},
		   {"failslab=1,200,3,4", 11},
		   {"failslab:probability=50;failslab:interval", 41},
		   {"failslab:probability=50,chance=3", 24},
		   {"failslab.probability=", 21},
		   {"failslab.task-filter=maybe", 21},
		   {"failslab.times=-2", 15},
		   {"failslab.probability=10 20", 24},
		   {"@pool=1,2,3,4", 0},
		   {"failslab@=1,2,3,4", 8},
		   {"seed=", 5},
		   {"seed=x", 5},
		   {"failslab=1,50,0,-1;;nonsense", 20},
		   {"failslab.min-order=99999999999999999999", 19}};
	struct mempool_fault_error error = {.size = sizeof(error)};

	for (int i = 0; i < LENGTH(bad); i++) {
		ck_assert_msg(mempool_fault_apply(0, bad[i].text, &error) == -EINVAL, "'%s' is taken", bad[i].text);
		ck_assert_msg(error.offset == bad[i].offset, "'%s': byte %zu, not %zu: %s", bad[i].text, error.offset,
			      bad[i].offset, error.text);
		ck_assert_int_ne(error.text[0], 0);
		ck_assert_uint_eq(point("failslab").probability, 0);
	}
	ck_assert_int_eq(mempool_fault_apply(0, "failslab", NULL), -EINVAL);
	set("");
	set(" ; \n");
	set("failslab=2,50,10,-1\nseed=0x10");
	ck_assert_uint_eq(point("failslab").interval, 2);
	ck_assert_int_eq(point("failslab").times, -1);
	ck_assert_uint_eq(mempool_fault_seed(), 16);
	set("off");
	ck_assert_uint_eq(point("failslab").probability, 0);
	ck_assert_int_eq(mempool_fault_apply(1 << 30, "off", NULL), -ESRCH);
}
END_TEST

/* In a process that was started with MEMPOOL_FAULT. */
int fault_child(void)
{
	struct fault_attr own = FAULT_ATTR_INITIALIZER;

	if (mempool_fault_register(&own, "my_point") != 0)
		return 1;
	for (int i = 0; i < 3; i++)
		if (should_fail(&own, 1) != (i < 2))
			return 2;
	if (mempool_fault_seed() != 99)
		return 3;
	return strcmp(own.name, "my_point") == 0 ? 0 : 4;
}

START_TEST(faults_from_the_environment)
{
	setenv("MEMPOOL_FAULT", "seed=99;+my_point:probability=100,times=2,verbose=0", 1);
	child_exec(&child, "faults", NULL);
	ck_assert_exited(&child, 0);
	setenv("MEMPOOL_FAULT", "seed=99;my_point:probability=100", 1);
	child_exec(&child, "faults", NULL);
	ck_assert_int_ne(child.status, 0);
	ck_assert_ptr_nonnull(strstr(child.output, "MEMPOOL_FAULT: there is no such point"));
	ck_assert_ptr_nonnull(strstr(child.output, "at byte 8 of"));
	unsetenv("MEMPOOL_FAULT");
}
END_TEST

START_TEST(faults_of_ones_own)
{
	struct fault_attr own = FAULT_ATTR_INITIALIZER, second = FAULT_ATTR_INITIALIZER;

	ck_assert_int_eq(mempool_fault_register(&own, ""), -EINVAL);
	ck_assert_int_eq(mempool_fault_register(&own, "a=b"), -EINVAL);
	ck_assert_int_eq(mempool_fault_register(&own, NULL), -EINVAL);
	ck_assert_int_eq(mempool_fault_register(&own, "own"), 0);
	ck_assert(!should_fail(&own, 1));
	set("own:probability=100,times=1,verbose=0");
	ck_assert(should_fail(&own, 1));
	ck_assert(!should_fail(&own, 1));
	ck_assert_int_eq(mempool_fault_register(&second, "own"), 0);
	set("own.times=1");
	ck_assert(should_fail(&second, 1));
	ck_assert_uint_eq(point("own").failures, 2);
	mempool_fault_unregister(&second);
	ck_assert(!should_fail(&own, 1));
	mempool_fault_unregister(&own);
}
END_TEST

#define DRAWS 2000

struct drawn {
	struct worker worker;
	const char *name;
	struct fault_attr *attr;
	bool failed[DRAWS];
};

static void draw(void *arg)
{
	struct drawn *d = arg;

	mempool_fault_set_thread(d->name);
	for (int i = 0; i < DRAWS; i++) {
		d->failed[i] = should_fail(d->attr, 1);
		if (i % 97 == 0)
			sched_yield();
	}
}

/* The same seed gives each thread the same failures, alone or beside others. */
START_TEST(faults_are_replayed_under_any_schedule)
{
	static struct drawn together[4], alone[4];
	static const char *const names[] = {"a", "b", "c", "d"};
	static struct fault_attr own = FAULT_ATTR_INITIALIZER;
	int failed = 0;

	ck_assert_int_eq(mempool_fault_register(&own, "replayed"), 0);
	set("replayed:probability=30,interval=2,times=-1,verbose=0;seed=4711");
	for (int i = 0; i < 4; i++) {
		together[i].name = names[i];
		together[i].attr = &own;
		worker_start(&together[i].worker, draw, &together[i]);
	}
	for (int i = 0; i < 4; i++)
		worker_join(&together[i].worker);
	for (int i = 3; i >= 0; i--) {
		alone[i].name = names[i];
		alone[i].attr = &own;
		worker_start(&alone[i].worker, draw, &alone[i]);
		worker_join(&alone[i].worker);
		ck_assert_mem_eq(alone[i].failed, together[i].failed, sizeof(alone[i].failed));
	}
	ck_assert_int_ne(memcmp(alone[0].failed, alone[1].failed, sizeof(alone[0].failed)), 0);
	for (int i = 0; i < DRAWS; i++)
		failed += alone[0].failed[i];
	ck_assert_int_gt(failed, DRAWS * 15 / 100 - 100);
	ck_assert_int_lt(failed, DRAWS * 15 / 100 + 100);
	mempool_fault_unregister(&own);
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
	tcase_add_test(tc, faults_for_one_pool_or_cache);
	tcase_add_test(tc, faults_that_the_kernel_lacks);
	tcase_add_test(tc, faults_with_a_dry_backing_end_in_sleep_not_in_a_loop);
	tcase_add_test(tc, faults_by_nth);
	tcase_add_test(tc, faults_text_is_refused_whole);
	tcase_add_test(tc, faults_from_the_environment);
	tcase_add_test(tc, faults_of_ones_own);
	tcase_add_test(tc, faults_are_replayed_under_any_schedule);
	return tc;
}
