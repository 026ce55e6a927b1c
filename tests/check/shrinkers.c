// SPDX-License-Identifier: MIT
/* shrinkers.c - direct reclaim (PAR-35): who is asked, for how much, in what order, and who must not be. */
#include "support.h"

#include <errno.h>
#include <mempool/mempool-limits.h>
#include <mempool/shrinker.h>
#include <string.h>

#define MIB (1ul << 20)

/* A shrinker of pages, with a log of what it was asked. */
struct hoard {
	void *newest;
	unsigned long pages;
	unsigned long pretend; /* more than the pages that there are */
	unsigned long stop_after;
	atomic_int counts, scans;
	unsigned long asked[8];
	gfp_t mask;
	int turn; /* when it was first counted, as the how-manieth of all */
	void (*inside)(void);
	atomic_bool hold, held; /* stay in the callback while @hold */
};

static int turns;

static unsigned long count(struct shrinker *s, struct shrink_control *sc)
{
	struct hoard *h = s->private_data;

	h->mask = sc->gfp_mask;
	if (h->counts++ == 0)
		h->turn = ++turns;
	if (h->inside)
		h->inside();
	return h->pages + h->pretend ? h->pages + h->pretend : SHRINK_EMPTY;
}

static unsigned long scan(struct shrinker *s, struct shrink_control *sc)
{
	struct hoard *h = s->private_data;
	unsigned long freed = 0;

	if (h->scans < 8)
		h->asked[h->scans] = sc->nr_to_scan;
	h->scans++;
	while (atomic_load(&h->hold)) {
		atomic_store(&h->held, true);
		poll_pause();
	}
	if (h->stop_after && (unsigned long)h->scans > h->stop_after)
		return SHRINK_STOP;
	for (; freed < sc->nr_to_scan && h->newest; freed++, h->pages--) {
		void *page = h->newest;

		h->newest = *(void **)page;
		free_page((unsigned long)page);
	}
	return freed;
}

static struct shrinker *offer(struct hoard *h, long batch)
{
	struct shrinker *s = shrinker_alloc(0, "hoard %d", 1);

	ck_assert_ptr_nonnull(s);
	s->count_objects = count;
	s->scan_objects = scan;
	s->batch = batch;
	s->private_data = h;
	shrinker_register(s);
	return s;
}

/* Take pages that never reclaim until there are none, into a hoard or for good. */
static void eat_budget(struct hoard *h, unsigned long for_hoard)
{
	void *page;

	while ((page = (void *)__get_free_page(GFP_ATOMIC))) {
		if (h->pages >= for_hoard)
			continue;
		*(void **)page = h->newest;
		h->newest = page;
		h->pages++;
	}
}

START_TEST(par_35_shrinkers_make_room)
{
	static struct hoard h;
	struct shrinker *s;

	mempool_set_limit(16 * MIB);
	eat_budget(&h, 1000);
	s = offer(&h, 0);
	ck_assert_uint_eq(__get_free_page(GFP_NOWAIT), 0); /* may not reclaim */
	ck_assert_int_eq(h.counts, 0);
	ck_assert_uint_ne(__get_free_page(GFP_KERNEL), 0);
	ck_assert_int_eq(h.counts, 1);
	ck_assert_int_eq(h.scans, 2); /* a quarter of 1000, in batches of 128 */
	ck_assert_uint_eq(h.asked[0], 128);
	ck_assert_uint_eq(h.asked[1], 122);
	ck_assert_uint_eq(h.pages, 750);
	ck_assert_uint_eq(h.mask, GFP_KERNEL);
	shrinker_free(s);
	eat_budget(&h, 0);
	ck_assert_uint_eq(__get_free_page(GFP_KERNEL), 0);
	ck_assert_int_eq(h.counts, 1);
}
END_TEST

START_TEST(par_35_batches_stop_and_rounds)
{
	static struct hoard h = {.pretend = 40}, silent;
	struct shrinker *s, *t;

	mempool_set_limit(16 * MIB);
	eat_budget(&h, 2); /* what it frees is too little for the order that is asked for */
	s = offer(&h, 10);
	t = offer(&silent, 0);
	ck_assert_uint_eq(__get_free_pages(GFP_KERNEL | __GFP_NORETRY, 5), 0);
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_int_eq(h.counts, 1);
	ck_assert_uint_eq(h.asked[0], 10);
	ck_assert_int_eq(h.scans, 1); /* 42 >> 2 is a batch */
	ck_assert_int_eq(silent.counts, 1);
	ck_assert_int_eq(silent.scans, 0);

	/* Nothing is freed any more: no second round. */
	ck_assert_uint_eq(__get_free_pages(GFP_KERNEL, 5), 0);
	ck_assert_int_eq(h.counts, 2);
	h.scans = 0;
	h.stop_after = 1;
	h.pretend = 4000;
	ck_assert_uint_eq(__get_free_pages(GFP_KERNEL, 5), 0);
	ck_assert_int_eq(h.scans, 2);
	shrinker_free(s);
	shrinker_free(t);
}
END_TEST

START_TEST(par_35_scopes_reach_the_callbacks)
{
	static struct hoard h = {.pretend = 1};
	struct shrinker *s = offer(&h, 0);
	unsigned int noio, nofs;

	mempool_set_limit(8 * MIB);
	eat_budget(&h, 0);
	noio = memalloc_noio_save();
	ck_assert_uint_eq(__get_free_page(GFP_KERNEL), 0);
	ck_assert_uint_eq(h.mask, GFP_NOIO);
	memalloc_noio_restore(noio);
	nofs = memalloc_nofs_save();
	ck_assert_ptr_null(kvmalloc(64 * MIB, GFP_KERNEL));
	ck_assert_uint_eq(h.mask, GFP_NOFS);
	memalloc_nofs_restore(nofs);
	shrinker_free(s);
}
END_TEST

static void allocate_inside(void)
{
	ck_assert_uint_eq(__get_free_pages(GFP_KERNEL, 6), 0);
	ck_assert_int_eq(errno, ENOMEM);
}

START_TEST(par_35_never_inside_itself)
{
	static struct hoard h = {.pretend = 1, .inside = allocate_inside};
	struct shrinker *s = offer(&h, 0);

	mempool_set_limit(8 * MIB);
	eat_budget(&h, 0);
	ck_assert_uint_eq(__get_free_pages(GFP_KERNEL, 6), 0);
	ck_assert_int_eq(h.counts, 1);
	shrinker_free(s);
}
END_TEST

static unsigned long given_back; /* a page that is there when the first shrinker is asked */

static void look_for_a_page(void)
{
	if (!given_back)
		given_back = __get_free_page(GFP_NOWAIT);
}

START_TEST(par_35_caches_come_first)
{
	static struct hoard first = {.inside = look_for_a_page}, h;
	static void *object[512];
	struct kmem_cache *cache = kmem_cache_create("idle", 4096, 0, 0, NULL);
	struct shrinker *s = offer(&first, 0), *t = offer(&h, 0);

	mempool_set_limit(16 * MIB);
	for (int i = 0; i < LENGTH(object); i++)
		ck_assert_ptr_nonnull(object[i] = kmem_cache_alloc(cache, GFP_KERNEL));
	eat_budget(&h, 0);
	for (int i = 0; i < 90; i++) /* some slabs are empty then, but for what lies in sheaves */
		kmem_cache_free(cache, object[i]);
	ck_assert_uint_eq(__get_free_page(GFP_NOWAIT), 0);
	ck_assert_uint_ne(__get_free_page(GFP_KERNEL), 0);
	ck_assert_int_eq(first.turn, 1);
	ck_assert_int_eq(h.turn, 2);
	ck_assert_int_eq(first.scans + h.scans, 0);
	ck_assert_uint_ne(given_back, 0);
	shrinker_free(t);
	shrinker_free(s);
}
END_TEST

static void allocate(void *got)
{
	*(unsigned long *)got = __get_free_page(GFP_KERNEL);
}

static void end(void *s)
{
	shrinker_free(s);
}

START_TEST(par_35_free_waits_for_callbacks)
{
	static struct hoard h;
	struct shrinker *s;
	struct worker allocator, freer;
	unsigned long got = 0;

	mempool_set_limit(8 * MIB);
	eat_budget(&h, 10);
	s = offer(&h, 0);
	atomic_store(&h.hold, true);
	worker_start(&allocator, allocate, &got);
	WAIT_FOR(atomic_load(&h.held));
	worker_start(&freer, end, s);
	for (int i = 0; i < 20; i++) {
		poll_pause();
		ck_assert(!atomic_load(&freer.done));
	}
	atomic_store(&h.hold, false);
	worker_join(&allocator);
	worker_join(&freer);
	ck_assert_uint_ne(got, 0);
}
END_TEST

START_TEST(par_35_nonsense_is_reported)
{
	struct shrinker *s;

	ck_assert_ptr_null(shrinker_alloc(4, "x"));
	ck_assert_int_eq(errno, EINVAL);
	expect_report(MEMPOOL_REPORT_BUG, "unknown flags");
	s = shrinker_alloc(0, "half made");
	shrinker_register(s);
	expect_report(MEMPOOL_REPORT_BUG, "'half made' lacks a callback");
	s->count_objects = count;
	s->scan_objects = scan;
	shrinker_register(s);
	shrinker_register(s);
	expect_report(MEMPOOL_REPORT_BUG, "registered already");
	shrinker_free(s);
	shrinker_free(NULL);
}
END_TEST

static int child_starts_its_own(void *arg)
{
	(void)arg;
	if (mempool_reclaimd_stop() != -ESRCH)
		return 1;
	if (mempool_reclaimd_start() != 0)
		return 2;
	return mempool_reclaimd_stop() == 0 ? 0 : 3;
}

START_TEST(par_35_reclaimd_works_from_low_to_high)
{
	static struct hoard h;
	struct mempool_headroom_state now = {.size = sizeof(now)};
	struct child_result r;
	struct shrinker *s;
	void *large;

	ck_assert_int_eq(mempool_reclaimd_stop(), -ESRCH);
	ck_assert_int_eq(mempool_reclaimd_start(), 0);
	ck_assert_int_eq(mempool_reclaimd_start(), -EALREADY);
	mempool_set_limit(64 * MIB);
	s = offer(&h, 0);
	/* Above low nobody is asked. */
	large = kvmalloc(59 * MIB, GFP_NOWAIT);
	ck_assert_ptr_nonnull(large);
	ck_assert_int_eq(h.counts, 0);
	/* Below it somebody is, though the mask must not reclaim by itself. */
	kvfree(large);
	ck_assert_ptr_nonnull(large = kvmalloc(61 * MIB + MIB * 3 / 4, GFP_NOWAIT));
	ck_assert_ptr_null(kvmalloc(32 * MIB, GFP_NOWAIT));
	WAIT_FOR(h.counts > 0);
	if (!under("tsan")) { /* it dies of a child whose first thread has the address of one that the parent had */
		child_run(&r, child_starts_its_own, NULL);
		ck_assert_exited(&r, 0);
	}
	ck_assert_int_eq(mempool_reclaimd_stop(), 0);
	ck_assert_int_eq(mempool_reclaimd_stop(), -ESRCH);
	kvfree(large);
	shrinker_free(s);
}
END_TEST

START_TEST(par_35_reclaimd_stops_at_high)
{
	static struct hoard h;
	struct mempool_headroom_state now = {.size = sizeof(now)};
	struct shrinker *s;
	void *page;
	unsigned long before;

	mempool_set_limit(64 * MIB);
	while ((page = (void *)__get_free_page(GFP_NOWAIT))) {
		*(void **)page = h.newest;
		h.newest = page;
		h.pages++;
	}
	before = h.pages;
	s = offer(&h, 0);
	ck_assert_int_eq(mempool_headroom(&now), 0);
	ck_assert_uint_lt(now.free_bytes, now.low_bytes);
	ck_assert_int_eq(mempool_reclaimd_start(), 0); /* it looks once by itself */
	do {
		WAIT_FOR(h.scans > 0);
		ck_assert_int_eq(mempool_headroom(&now), 0);
	} while (now.free_bytes < now.high_bytes);
	ck_assert_int_eq(mempool_reclaimd_stop(), 0);
	ck_assert_uint_lt(h.pages, before);
	ck_assert_uint_gt(h.pages, before / 2); /* a quarter is more than enough */
	shrinker_free(s);
}
END_TEST

TCase *shrinker_tests(void)
{
	TCase *tc = new_case("shrinkers");

	tcase_add_test(tc, par_35_shrinkers_make_room);
	tcase_add_test(tc, par_35_batches_stop_and_rounds);
	tcase_add_test(tc, par_35_scopes_reach_the_callbacks);
	tcase_add_test(tc, par_35_never_inside_itself);
	tcase_add_test(tc, par_35_caches_come_first);
	tcase_add_test(tc, par_35_free_waits_for_callbacks);
	tcase_add_test(tc, par_35_nonsense_is_reported);
	tcase_add_test(tc, par_35_reclaimd_works_from_low_to_high);
	tcase_add_test(tc, par_35_reclaimd_stops_at_high);
	return tc;
}
