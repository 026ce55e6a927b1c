// SPDX-License-Identifier: MIT
/*
 * exhaust.c - memory at its end, for real: the address space is limited and eaten, and the pools still serve.
 *
 * Between eat() and release() nothing here may allocate: not Check's assertions either, so results are kept in
 * variables and judged afterwards.
 */
#include "support.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define MIN_NR 8
#define HOARD 4096

static struct {
	void *address;
	size_t bytes;
} hoard[HOARD];
static int hoarded;

/* Take all address space that is left, in ever smaller mappings; then what the heap and the library still hold. */
static bool eat(void)
{
	if (!limit_address_space(96u << 20))
		return false;
	for (size_t bytes = 32u << 20; bytes >= 4096 && hoarded < HOARD; bytes /= 2) {
		while (hoarded < HOARD) {
			void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (p == MAP_FAILED)
				break;
			hoard[hoarded].address = p;
			hoard[hoarded++].bytes = bytes;
		}
	}
	return true;
}

static void release(void)
{
	while (hoarded > 0) {
		hoarded--;
		munmap(hoard[hoarded].address, hoard[hoarded].bytes);
	}
}

struct outcome {
	int served; /* until the first NULL */
	int error;
	int sleeps_timed_out;
	int level_after;
	void *element[1 << 16];
};

/* Take all that the pool gives without sleeping, touch each byte, and give all back. */
static void drain_and_refill(mempool_t *pool, size_t size, struct outcome *o)
{
	while (o->served < (int)LENGTH(o->element)) {
		void *element;

		errno = 0;
		element = mempool_alloc(pool, o->served % 2 ? GFP_ATOMIC : GFP_NOWAIT);
		if (!element)
			break;
		memset(element, 0x11, size);
		o->element[o->served++] = element;
	}
	o->error = errno;
	if (!mempool_alloc_timeout(pool, GFP_KERNEL, (uint64_t)NS_PER_MS))
		o->sleeps_timed_out = errno == ETIMEDOUT;
	for (int i = 0; i < o->served; i++)
		mempool_free(o->element[i], pool);
	o->level_after = mempool_curr_nr(pool);
}

static void judge(const struct outcome *o)
{
	ck_assert_int_ge(o->served, MIN_NR);
	ck_assert_int_lt(o->served, LENGTH(o->element));
	ck_assert_int_eq(o->error, ENOMEM);
	ck_assert_int_eq(o->sleeps_timed_out, 1);
	ck_assert_int_eq(o->level_after, MIN_NR);
	ck_assert_int_eq(mempool_report_count(), 0);
}

static struct outcome outcome;

static void exhausted_pool(mempool_t *pool, size_t size)
{
	ck_assert_ptr_nonnull(pool);
	if (!eat())
		return;
	drain_and_refill(pool, size, &outcome);
	release();
	judge(&outcome);
}

START_TEST(exhausted_slab_pool_serves_its_reserve)
{
	struct kmem_cache *cache = kmem_cache_create("exhausted", 3000, 0, 0, NULL);
	mempool_t *pool = mempool_create_slab_pool(MIN_NR, cache);

	exhausted_pool(pool, 3000);
	mempool_destroy(pool);
	kmem_cache_destroy(cache);
}
END_TEST

static const size_t kmalloc_sizes[] = {256, 4096, 20000, 1 << 20};

START_TEST(exhausted_kmalloc_pool_serves_its_reserve)
{
	mempool_t *pool = mempool_create_kmalloc_pool(MIN_NR, kmalloc_sizes[_i]);

	exhausted_pool(pool, kmalloc_sizes[_i]);
	mempool_destroy(pool);
}
END_TEST

static const size_t kvmalloc_sizes[] = {256, 1 << 16, 6 << 20};

START_TEST(exhausted_kvmalloc_pool_serves_its_reserve)
{
	mempool_t *pool = mempool_create_kvmalloc_pool(MIN_NR, kvmalloc_sizes[_i]);

	exhausted_pool(pool, kvmalloc_sizes[_i]);
	mempool_destroy(pool);
}
END_TEST

START_TEST(exhausted_page_pool_serves_its_reserve)
{
	mempool_t *pool = mempool_create_page_pool(MIN_NR, 2 * _i);

	exhausted_pool(pool, PAGE_SIZE << (2 * _i));
	mempool_destroy(pool);
}
END_TEST

/* Whatever pages the library still holds: take them, too. */
static int take_large_pages(unsigned long *pages, int max)
{
	int nr = 0;

	while (nr < max && (pages[nr] = __get_free_pages(GFP_NOWAIT, MAX_PAGE_ORDER)))
		nr++;
	return nr;
}

START_TEST(exhausted_allocations_fail_cleanly)
{
	static void *many[1 << 17];
	static unsigned long pages[256];
	static mempool_t embedded;
	struct kmem_cache *cache = kmem_cache_create("fails", 2000, 0, 0, NULL);
	struct kmem_cache_statistics st = {.size = sizeof(st)};
	unsigned char *kept = kmalloc(100, GFP_KERNEL);
	void *big, *array, *mapped, *grown;
	int none, init_error, large;
	mempool_t *no_pool;

	memset(kept, 7, 100);
	if (eat()) {
		large = take_large_pages(pages, LENGTH(pages));
		big = kmalloc(4u << 20, GFP_KERNEL);
		array = kcalloc(1024, 4096, GFP_ATOMIC);
		mapped = kvmalloc(64u << 20, GFP_KERNEL);
		grown = krealloc(kept, 4u << 20, GFP_KERNEL);
		none = kmem_cache_alloc_bulk(cache, GFP_NOWAIT, LENGTH(many), many);
		no_pool = mempool_create_page_pool(8, MAX_PAGE_ORDER);
		init_error = mempool_init_kmalloc_pool(&embedded, 64, 4u << 20);
		for (int i = 0; i < large; i++)
			free_pages(pages[i], MAX_PAGE_ORDER);
		release();
		ck_assert_int_lt(large, LENGTH(pages));
		ck_assert_ptr_null(big);
		ck_assert_ptr_null(array);
		ck_assert_ptr_null(mapped);
		ck_assert_ptr_null(grown);
		ck_assert_int_eq(none, 0);
		ck_assert_ptr_null(no_pool);
		ck_assert_int_eq(init_error, -ENOMEM);
		ck_assert(!mempool_initialized(&embedded));
	}
	ck_assert_uint_eq(same_bytes(kept, 100, 7), 100);
	ck_assert_int_eq(kmem_cache_stats(cache, &st), 0);
	ck_assert_uint_eq(st.objects, 0);
	kfree(kept);
	kmem_cache_destroy(cache);
}
END_TEST

static void release_soon(void *go)
{
	int64_t start = now_ns();

	/* There is no event to wait for: whoever tries for ever does so in silence. */
	while (!atomic_load((atomic_bool *)go) || now_ns() - start < 50 * NS_PER_MS)
		poll_pause();
	release();
}

START_TEST(exhausted_nofail_tries_until_there_is_memory)
{
	static unsigned long pages[256];
	struct worker w;
	atomic_bool go = false;
	void *memory;
	int large = 0;

	worker_start(&w, release_soon, &go);
	if (eat())
		large = take_large_pages(pages, LENGTH(pages));
	atomic_store(&go, true);
	memory = kmalloc(4u << 20, GFP_KERNEL | __GFP_NOFAIL);
	worker_join(&w);
	ck_assert_ptr_nonnull(memory);
	memset(memory, 1, 4u << 20);
	kfree(memory);
	for (int i = 0; i < large; i++)
		free_pages(pages[i], MAX_PAGE_ORDER);
}
END_TEST

struct late_sleeper {
	struct worker w;
	mempool_t *pool;
	atomic_bool *go;
	void *element;
};

static void sleep_when_told(void *arg)
{
	struct late_sleeper *s = arg;

	while (!atomic_load(s->go))
		poll_pause();
	s->element = mempool_alloc(s->pool, GFP_KERNEL);
}

/* Poll without assertions: they allocate. */
static bool asleep_in_time(mempool_t *pool, int waiters)
{
	int64_t give_up = now_ns() + deadline_ns();
	struct mempool_statistics st = {.size = sizeof(st)};

	while (now_ns() < give_up) {
		if (mempool_stats(pool, &st) == 0 && st.waiters == waiters)
			return true;
		poll_pause();
	}
	return false;
}

START_TEST(exhausted_pool_puts_to_sleep_and_wakes)
{
	static struct late_sleeper s[2];
	mempool_t *pool = mempool_create_page_pool(MIN_NR, MAX_PAGE_ORDER);
	atomic_bool go = false;
	bool slept = false;

	ck_assert_ptr_nonnull(pool);
	for (int i = 0; i < 2; i++) {
		s[i].pool = pool;
		s[i].go = &go;
		worker_start(&s[i].w, sleep_when_told, &s[i]);
	}
	if (eat()) {
		while (outcome.served < LENGTH(outcome.element) &&
		       (outcome.element[outcome.served] = mempool_alloc(pool, GFP_ATOMIC)))
			outcome.served++;
		atomic_store(&go, true);
		slept = asleep_in_time(pool, 2);
		for (int i = 0; i < outcome.served; i++)
			mempool_free(outcome.element[i], pool);
		release();
		ck_assert_int_ge(outcome.served, MIN_NR);
		ck_assert(slept);
	}
	atomic_store(&go, true);
	for (int i = 0; i < 2; i++) {
		worker_join(&s[i].w);
		ck_assert_ptr_nonnull(s[i].element);
		mempool_free(s[i].element, pool);
	}
	ck_assert_uint_eq(stats_of(pool).timeouts, 0);
	ck_assert_int_eq(mempool_curr_nr(pool), MIN_NR);
	mempool_destroy(pool);
}
END_TEST

TCase *exhaust_tests(void)
{
	TCase *tc = new_case("exhaust");

	tcase_add_test(tc, exhausted_slab_pool_serves_its_reserve);
	tcase_add_loop_test(tc, exhausted_kmalloc_pool_serves_its_reserve, 0, LENGTH(kmalloc_sizes));
	tcase_add_loop_test(tc, exhausted_kvmalloc_pool_serves_its_reserve, 0, LENGTH(kvmalloc_sizes));
	tcase_add_loop_test(tc, exhausted_page_pool_serves_its_reserve, 0, 6);
	tcase_add_test(tc, exhausted_allocations_fail_cleanly);
	tcase_add_test(tc, exhausted_nofail_tries_until_there_is_memory);
	tcase_add_test(tc, exhausted_pool_puts_to_sleep_and_wakes);
	return tc;
}
