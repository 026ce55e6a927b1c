// SPDX-License-Identifier: MIT
/* limits.c - mempool-limits.h: backings that fail where memory would end, and who gets further than others. */
#include "support.h"

#include <errno.h>
#include <mempool/mempool-limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MIB (1ul << 20)

static struct mempool_headroom_state headroom(void)
{
	struct mempool_headroom_state h = {.size = sizeof(h)};

	ck_assert_int_eq(mempool_headroom(&h), 0);
	return h;
}

/* Take and write pages until there are no more, at most @most. The chain goes through the pages themselves. */
static int take_pages(gfp_t mask, int most, void **newest)
{
	int taken = 0;

	while (taken < most) {
		void *page = (void *)__get_free_page(mask);

		if (!page)
			break;
		memset(page, 0x31, PAGE_SIZE);
		*(void **)page = *newest;
		*newest = page;
		taken++;
	}
	return taken;
}

static void free_all(void *newest)
{
	while (newest) {
		void *page = newest;

		newest = *(void **)page;
		free_page((unsigned long)page);
	}
}

START_TEST(limits_a_budget_is_kept)
{
	void *newest = NULL;
	struct mempool_headroom_state h;
	int kernel, atomic, again;

	mempool_set_limit(32 * MIB);
	h = headroom();
	ck_assert_int_eq(h.active, 1);
	ck_assert_int_eq(h.limit_kind, MEMPOOL_LIMIT_BUDGET);
	ck_assert_uint_eq(h.limit_bytes, 32 * MIB);
	ck_assert_uint_eq(h.min_bytes, MIB);
	ck_assert_uint_eq(h.low_bytes, MIB * 5 / 4);
	ck_assert_uint_eq(h.high_bytes, MIB * 3 / 2);

	errno = 0;
	kernel = take_pages(GFP_KERNEL, 1 << 16, &newest);
	ck_assert_int_eq(errno, ENOMEM);
	h = headroom();
	ck_assert_uint_le(h.populated_bytes, 31 * MIB);
	ck_assert_uint_gt(h.populated_bytes, 30 * MIB);
	ck_assert_uint_ge(h.free_bytes, MIB);
	ck_assert_uint_ge(h.refusals, 1);
	ck_assert_ptr_null((void *)__get_free_pages(GFP_KERNEL, MAX_PAGE_ORDER));
	ck_assert_ptr_null(kvmalloc(8 * MIB, GFP_KERNEL));
	ck_assert_ptr_null(kmalloc(MIB, GFP_KERNEL));

	atomic = take_pages(GFP_ATOMIC, 1 << 16, &newest);
	h = headroom();
	ck_assert_int_ge(atomic, 100);
	ck_assert_uint_ge(h.free_bytes, MIB / 2);
	ck_assert_uint_lt(h.free_bytes, MIB * 3 / 4);

	/* What comes back can be had again, without headroom: its pages exist. */
	for (int i = 0; i < 50; i++) {
		void *page = newest;

		newest = *(void **)page;
		free_page((unsigned long)page);
	}
	again = take_pages(GFP_KERNEL, 50, &newest);
	ck_assert_int_eq(again, 50);
	free_all(newest);
	ck_assert_uint_lt(headroom().populated_bytes, 9 * MIB); /* a chunk is kept */
	ck_assert_int_gt(kernel, 7000);
	ck_assert_int_eq(mempool_report_count(), 0);
}
END_TEST

START_TEST(limits_pools_serve_their_reserve_below_the_budget)
{
	struct kmem_cache *cache = kmem_cache_create("budget", 4096, 0, 0, NULL);
	mempool_t *pool = mempool_create_slab_pool(8, cache);
	void *element[8];
	void *newest = NULL;

	mempool_set_limit(16 * MIB);
	take_pages(GFP_ATOMIC, 1 << 16, &newest);
	while (kmem_cache_alloc(cache, GFP_ATOMIC)) { /* what the slabs still have; it stays taken */
	}
	for (int i = 0; i < 8; i++) {
		element[i] = mempool_alloc(pool, GFP_NOWAIT);
		ck_assert_ptr_nonnull(element[i]);
	}
	ck_assert_ptr_null(mempool_alloc(pool, GFP_NOWAIT));
	for (int i = 0; i < 8; i++)
		mempool_free(element[i], pool);
	mempool_destroy(pool);
	free_all(newest);
}
END_TEST

START_TEST(limits_off_looks_at_nothing)
{
	void *newest = NULL;

	ck_assert_int_eq(mempool_set_watermarks(MEMPOOL_WATERMARKS_OFF, 0), 0);
	mempool_set_limit(4 * MIB);
	ck_assert_int_eq(headroom().active, 0);
	ck_assert_int_eq(take_pages(GFP_KERNEL, 4096, &newest), 4096);
	ck_assert_uint_eq(headroom().populated_bytes, 0);
	free_all(newest);
}
END_TEST

START_TEST(limits_min_can_be_chosen)
{
	void *newest = NULL;

	mempool_set_limit(32 * MIB);
	ck_assert_int_eq(mempool_set_watermarks(MEMPOOL_WATERMARKS_AUTO, 8 * MIB), 0);
	ck_assert_uint_eq(headroom().min_bytes, 8 * MIB);
	take_pages(GFP_KERNEL, 1 << 16, &newest);
	ck_assert_uint_le(headroom().populated_bytes, 24 * MIB);
	ck_assert_uint_gt(headroom().populated_bytes, 22 * MIB);
	mempool_set_limit(0);
	ck_assert_int_eq(take_pages(GFP_KERNEL, 16, &newest), 16);
	free_all(newest);
}
END_TEST

START_TEST(limits_nonsense_is_refused)
{
	struct mempool_headroom_state h = {.size = sizeof(size_t) - 1};

	ck_assert_int_eq(mempool_headroom(NULL), -EINVAL);
	ck_assert_int_eq(mempool_headroom(&h), -EINVAL);
	h.size = offsetof(struct mempool_headroom_state, refusals);
	h.refusals = 77;
	ck_assert_int_eq(mempool_headroom(&h), 0);
	ck_assert_uint_eq(h.refusals, 77);
	ck_assert_int_eq(mempool_set_watermarks((enum mempool_watermark_mode)3, 0), -EINVAL);
	expect_report(MEMPOOL_REPORT_WARNING, "no such mode");
}
END_TEST

/* Below a resource limit the library must stop by itself, so that the host's own mappings still succeed. */
static int meet_rlimit(void *resource)
{
	struct rlimit limit;
	struct mempool_headroom_state h = {.size = sizeof(h)};
	bool space = *(int *)resource == RLIMIT_AS;
	void *newest = NULL;
	long mapped = 0, data = 0;
	int taken;
	FILE *statm = fopen("/proc/self/statm", "re");

	if (!statm || fscanf(statm, "%ld %*d %*d %*d %*d %ld", &mapped, &data) != 2)
		return 10;
	fclose(statm);
	if (getrlimit(*(int *)resource, &limit))
		return 11;
	limit.rlim_cur = (rlim_t)(space ? mapped : data) * PAGE_SIZE + 96 * MIB;
	if (setrlimit(*(int *)resource, &limit))
		return 11;
	taken = take_pages(GFP_KERNEL, 1 << 16, &newest);
	if (mempool_headroom(&h) || !h.active)
		return 12;
	if (h.limit_kind != (space ? MEMPOOL_LIMIT_ADDRESS_SPACE : MEMPOOL_LIMIT_DATA))
		return 13;
	if (h.limit_bytes != limit.rlim_cur || h.refusals == 0)
		return 14;
	if (taken < 60 * 256 || taken > 96 * 256 || h.free_bytes < h.min_bytes)
		return 15;
	return kvmalloc(96 * MIB, GFP_KERNEL) ? 16 : 0;
}

START_TEST(limits_rlimit_is_met)
{
	static int resources[] = {RLIMIT_AS, RLIMIT_DATA};
	struct child_result r;

	if (under("asan") || under("tsan") || under("valgrind"))
		return; /* they live on address space */
	child_run(&r, meet_rlimit, &resources[_i]);
	ck_assert_exited(&r, 0);
}
END_TEST

static int child_has_its_own_books(void *arg)
{
	void *newest = NULL;
	struct mempool_headroom_state h = {.size = sizeof(h)};

	/* A daemon closes what it does not know. */
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	take_pages(GFP_KERNEL, 1 << 16, &newest);
	if (mempool_headroom(&h) || h.populated_bytes > 31 * MIB || h.free_bytes < MIB)
		return 1;
	return *(int *)arg;
}

START_TEST(limits_hold_in_a_forked_child)
{
	struct child_result r;
	int code = 7;
	void *newest = NULL;

	mempool_set_limit(32 * MIB);
	ck_assert_int_eq(take_pages(GFP_KERNEL, 1000, &newest), 1000);
	child_run(&r, child_has_its_own_books, &code);
	ck_assert_exited(&r, 7);
	free_all(newest);
}
END_TEST

TCase *limits_tests(void)
{
	TCase *tc = new_case("limits");

	tcase_add_test(tc, limits_a_budget_is_kept);
	tcase_add_test(tc, limits_pools_serve_their_reserve_below_the_budget);
	tcase_add_test(tc, limits_off_looks_at_nothing);
	tcase_add_test(tc, limits_min_can_be_chosen);
	tcase_add_test(tc, limits_nonsense_is_refused);
	tcase_add_loop_test(tc, limits_rlimit_is_met, 0, 2);
	tcase_add_test(tc, limits_hold_in_a_forked_child);
	return tc;
}
