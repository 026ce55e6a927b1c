// SPDX-License-Identifier: MIT
/* backings.c - the ready-made backings: slab, kmalloc, kvmalloc, pages (PAR-29). */
#include "support.h"

#include <errno.h>
#include <string.h>

#define MIN_NR 4

static mempool_t pool;
static struct kmem_cache *cache;

static void make_cache(void)
{
	cache = kmem_cache_create("elements", 120, 0, 0, NULL);
	ck_assert_ptr_nonnull(cache);
}

/* Take twice the reserve, write each byte, check that nobody wrote over it, and give all back. */
static void use_all(mempool_t *p, size_t size, size_t align)
{
	unsigned char *element[2 * MIN_NR];

	ck_assert_int_eq(mempool_curr_nr(p), MIN_NR);
	for (int i = 0; i < 2 * MIN_NR; i++) {
		element[i] = i % 2 ? mempool_alloc_preallocated(p) : mempool_alloc(p, GFP_KERNEL);
		ck_assert_ptr_nonnull(element[i]);
		ck_assert_uint_eq((uintptr_t)element[i] % align, 0);
		memset(element[i], i + 1, size);
	}
	ck_assert_int_eq(mempool_curr_nr(p), 0);
	for (int i = 0; i < 2 * MIN_NR; i++) {
		ck_assert_uint_eq(element[i][0], i + 1);
		ck_assert_uint_eq(element[i][size / 2], i + 1);
		ck_assert_uint_eq(element[i][size - 1], i + 1);
		mempool_free(element[i], p);
	}
	ck_assert_int_eq(mempool_curr_nr(p), MIN_NR);
}

START_TEST(par_29_slab_pool)
{
	struct kmem_cache_statistics st = {.size = sizeof(st)};
	mempool_t *created;

	make_cache();
	ck_assert_int_eq(mempool_init_slab_pool(&pool, MIN_NR, cache), 0);
	ck_assert_ptr_eq(pool.pool_data, cache);
	ck_assert(pool.alloc == mempool_alloc_slab);
	ck_assert(pool.free == mempool_free_slab);
	use_all(&pool, 120, 8);
	created = mempool_create_slab_pool(MIN_NR, cache);
	ck_assert_ptr_nonnull(created);
	use_all(created, 120, 8);
	ck_assert_int_eq(kmem_cache_stats(cache, &st), 0);
	ck_assert_uint_eq(st.objects, 0); /* reserved elements are of the pools' own memory */
	mempool_exit(&pool);
	mempool_destroy(created);
	ck_assert_int_eq(kmem_cache_stats(cache, &st), 0);
	ck_assert_uint_eq(st.objects, 0);
	kmem_cache_destroy(cache);
}
END_TEST

static void construct(void *object)
{
	memset(object, 1, 32);
}

START_TEST(par_29_a_cache_with_a_constructor_is_refused)
{
	static const mempool_t zeroed;
	struct kmem_cache_statistics st = {.size = sizeof(st)};

	cache = kmem_cache_create("constructed", 32, 0, 0, construct);
	ck_assert_ptr_nonnull(cache);
	ck_assert_int_eq(mempool_init_slab_pool(&pool, MIN_NR, cache), -EINVAL);
	expect_report(MEMPOOL_REPORT_BUG, "constructor");
	ck_assert_int_eq(memcmp(&pool, &zeroed, sizeof(pool)), 0);
	errno = 0;
	ck_assert_ptr_null(mempool_create_slab_pool(MIN_NR, cache));
	ck_assert_int_eq(errno, EINVAL);
	expect_report(MEMPOOL_REPORT_BUG, "constructor");
	ck_assert_int_eq(mempool_init(&pool, 1, mempool_alloc_slab, mempool_free_slab, cache), -EINVAL);
	expect_report(MEMPOOL_REPORT_BUG, "constructor");
	ck_assert_int_eq(kmem_cache_stats(cache, &st), 0);
	ck_assert_uint_eq(st.objects, 0);
	kmem_cache_destroy(cache);
}
END_TEST

static const size_t sizes[] = {1, 8, 16, 24, 100, 512, 4096, 5000, 65536, 1 << 20, KMALLOC_MAX_SIZE};

static size_t kmalloc_align(size_t size)
{
	if ((size & (size - 1)) == 0)
		return size < 8 ? 8 : size > PAGE_SIZE ? PAGE_SIZE : size;
	return size < 16 ? 8 : 16;
}

START_TEST(par_29_kmalloc_pool)
{
	size_t size = sizes[_i];
	mempool_t *created;

	ck_assert_int_eq(mempool_init_kmalloc_pool(&pool, MIN_NR, size), 0);
	ck_assert_uint_eq((size_t)pool.pool_data, size);
	ck_assert(pool.alloc == mempool_kmalloc);
	ck_assert(pool.free == mempool_kfree);
	use_all(&pool, size, kmalloc_align(size));
	mempool_exit(&pool);
	created = mempool_create_kmalloc_pool(MIN_NR, size);
	ck_assert_ptr_nonnull(created);
	use_all(created, size, kmalloc_align(size));
	mempool_destroy(created);
}
END_TEST

static const size_t kv_sizes[] = {1, 64, 5000, 1 << 20, KMALLOC_MAX_SIZE, KMALLOC_MAX_SIZE + 1, 8u << 20};

START_TEST(par_29_kvmalloc_pool)
{
	size_t size = kv_sizes[_i];
	mempool_t *created;

	ck_assert_int_eq(mempool_init_kvmalloc_pool(&pool, MIN_NR, size), 0);
	ck_assert_uint_eq((size_t)pool.pool_data, size);
	ck_assert(pool.alloc == mempool_kvmalloc);
	ck_assert(pool.free == mempool_kvfree);
	use_all(&pool, size, size < 16 ? 8 : 16);
	mempool_exit(&pool);
	created = mempool_create_kvmalloc_pool(MIN_NR, size);
	ck_assert_ptr_nonnull(created);
	use_all(created, size, size < 16 ? 8 : 16);
	mempool_destroy(created);
}
END_TEST

START_TEST(par_29_page_pool)
{
	size_t size = PAGE_SIZE << _i;
	mempool_t *created;

	ck_assert_int_eq(mempool_init_page_pool(&pool, MIN_NR, _i), 0);
	ck_assert_uint_eq((size_t)pool.pool_data, (size_t)_i);
	ck_assert(pool.alloc == mempool_alloc_pages);
	ck_assert(pool.free == mempool_free_pages);
	use_all(&pool, size, size);
	mempool_exit(&pool);
	created = mempool_create_page_pool(MIN_NR, _i);
	ck_assert_ptr_nonnull(created);
	use_all(created, size, size);
	mempool_destroy(created);
}
END_TEST

START_TEST(par_29_the_callbacks_work_on_their_own)
{
	void *element;

	make_cache();
	element = mempool_alloc_slab(GFP_KERNEL, cache);
	ck_assert_ptr_nonnull(element);
	memset(element, 1, 120);
	mempool_free_slab(element, cache);
	element = mempool_kmalloc(GFP_ATOMIC, (void *)(size_t)200);
	ck_assert_uint_ge(ksize(element), 200);
	mempool_kfree(element, (void *)(size_t)200);
	element = mempool_kvmalloc(GFP_KERNEL, (void *)(size_t)(6u << 20));
	ck_assert_ptr_nonnull(element);
	memset(element, 1, 6u << 20);
	mempool_kvfree(element, (void *)(size_t)(6u << 20));
	element = mempool_alloc_pages(GFP_NOIO, (void *)(size_t)3);
	ck_assert_uint_eq((uintptr_t)element % (PAGE_SIZE << 3), 0);
	memset(element, 1, PAGE_SIZE << 3);
	mempool_free_pages(element, (void *)(size_t)3);
	kmem_cache_destroy(cache);
}
END_TEST

/* Sizes that can never be had: the pool cannot be made, nothing leaks, nothing breaks. */
static void cannot_be_made(int init_result)
{
	ck_assert_msg(init_result == -ENOMEM || init_result == -EINVAL, "%d", init_result);
	ck_assert(!mempool_initialized(&pool));
	ck_assert_int_ge(reports_pending(), 1);
	while (reports_pending())
		expect_some_report("");
}

START_TEST(impossible_kmalloc_sizes)
{
	cannot_be_made(mempool_init_kmalloc_pool(&pool, MIN_NR, _i ? SIZE_MAX - 7 : KMALLOC_MAX_SIZE + 1));
	errno = 0;
	ck_assert_ptr_null(mempool_create_kmalloc_pool(1, SIZE_MAX));
	ck_assert(errno == ENOMEM || errno == EINVAL);
	while (reports_pending())
		expect_some_report("");
}
END_TEST

START_TEST(impossible_page_orders)
{
	static const int orders[] = {MAX_PAGE_ORDER + 1, 64, -1, 1 << 30};

	cannot_be_made(mempool_init_page_pool(&pool, MIN_NR, orders[_i]));
}
END_TEST

START_TEST(impossible_kvmalloc_sizes)
{
	static const size_t huge[] = {SIZE_MAX, SIZE_MAX / 2, (size_t)1 << 60};
	int result = mempool_init_kvmalloc_pool(&pool, MIN_NR, huge[_i]);

	ck_assert_msg(result == -ENOMEM || result == -EINVAL, "%d", result);
	while (reports_pending())
		expect_some_report("");
}
END_TEST

START_TEST(size_0_is_no_crash)
{
	void *element;

	/* kmalloc(0) is ZERO_SIZE_PTR, in a pool as elsewhere; a refusal would be as good. */
	if (mempool_init_kmalloc_pool(&pool, 2, 0) == 0) {
		element = mempool_alloc(&pool, GFP_KERNEL);
		ck_assert_ptr_eq(element, ZERO_SIZE_PTR);
		mempool_free(element, &pool);
		mempool_exit(&pool);
	}
	while (reports_pending())
		expect_some_report("");
}
END_TEST

START_TEST(par_34_ready_made_backings_work_in_scopes)
{
	unsigned int flags = memalloc_noio_save();

	ck_assert_int_eq(mempool_init_kmalloc_pool(&pool, MIN_NR, 100), 0);
	use_all(&pool, 100, 16);
	memalloc_noio_restore(flags);
	mempool_exit(&pool);
}
END_TEST

TCase *backings_tests(void)
{
	TCase *tc = new_case("backings");

	tcase_add_test(tc, par_29_slab_pool);
	tcase_add_test(tc, par_29_a_cache_with_a_constructor_is_refused);
	tcase_add_loop_test(tc, par_29_kmalloc_pool, 0, LENGTH(sizes));
	tcase_add_loop_test(tc, par_29_kvmalloc_pool, 0, LENGTH(kv_sizes));
	tcase_add_loop_test(tc, par_29_page_pool, 0, MAX_PAGE_ORDER + 1);
	tcase_add_test(tc, par_29_the_callbacks_work_on_their_own);
	tcase_add_loop_test(tc, impossible_kmalloc_sizes, 0, 2);
	tcase_add_loop_test(tc, impossible_page_orders, 0, 4);
	tcase_add_loop_test(tc, impossible_kvmalloc_sizes, 0, 3);
	tcase_add_test(tc, size_0_is_no_crash);
	tcase_add_test(tc, par_34_ready_made_backings_work_in_scopes);
	return tc;
}
