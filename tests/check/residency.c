// SPDX-License-Identifier: MIT
/* residency.c - reserves that stay in memory: what is promised, what comes home, and what forks leave (extension). */
#include "certified.h"

#include <errno.h>
#include <mempool/slab.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIN_NR 6
#define ELEMENT 256

static struct child_result child;
static mempool_t *pool;
static struct kmem_cache *cache;

static mempool_t *make(unsigned int store, unsigned int residency, unsigned int at_fork)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;

	attr.store = store;
	attr.residency = residency;
	attr.at_fork = at_fork;
	if (!cache)
		cache = kmem_cache_create("resident", ELEMENT, 0, 0, NULL);
	return mempool_create_attr(MIN_NR, mempool_alloc_slab, mempool_free_slab, cache, &attr);
}

static void take_all(void **elements)
{
	for (int i = 0; i < MIN_NR; i++) {
		elements[i] = mempool_alloc_preallocated(pool);
		ck_assert_ptr_nonnull(elements[i]);
		memset(elements[i], i, ELEMENT);
	}
}

static bool at_home(const void *element)
{
	return (uintptr_t)element - pool->home_start < pool->home_bytes;
}

/* _i: the store */
START_TEST(residency_a_new_reserve_is_all_its_own)
{
	struct mempool_cert cert;

	pool = make((unsigned int)_i, 0, 0);
	cert = cert_of(pool);
	ck_assert_int_eq(cert.residency, MEMPOOL_RESIDENCY_BEST_EFFORT);
	ck_assert_int_eq(cert.min_nr, MIN_NR);
	ck_assert_int_eq(cert.pinned, MIN_NR);
	ck_assert_int_eq(cert.pinned_out + cert.adopted_resident + cert.adopted_unknown, 0);
	ck_assert_uint_eq(cert.element_bytes, ELEMENT);
	ck_assert_uint_ge(cert.reserve_bytes, MIN_NR * ELEMENT);
	ck_assert_uint_eq(cert.missing_pages, 0);
	ck_assert_uint_eq(doubts_but_locks(pool), 0);
	if (cert.lock_errno == 0 && cert.structures_errno == 0)
		ck_assert_int_eq(cert.guaranteed, 1);
	mempool_destroy(pool);
}
END_TEST

START_TEST(residency_what_was_adopted_gives_way)
{
	void *own[MIN_NR];
	void *other[MIN_NR];
	struct mempool_statistics st = {.size = sizeof(st)};
	struct mempool_cert cert;

	pool = make((unsigned int)_i, 0, 0);
	take_all(own);
	for (int i = 0; i < MIN_NR; i++) {
		ck_assert(at_home(own[i]));
		other[i] = mempool_alloc(pool, GFP_KERNEL);
		ck_assert(!at_home(other[i]));
	}
	for (int i = 0; i < MIN_NR; i++)
		mempool_free(other[i], pool); /* PAR-21 */
	cert = cert_of(pool);
	ck_assert_int_eq(cert.pinned, 0);
	ck_assert_int_eq(cert.pinned_out, MIN_NR);
	ck_assert_int_eq(cert.adopted_resident + cert.adopted_unknown, MIN_NR);
	ck_assert_uint_eq(doubts_but_locks(pool), MEMPOOL_DOUBT_ADOPTED);

	for (int i = 0; i < MIN_NR; i++) {
		ck_assert_uint_eq(same_bytes(own[i], ELEMENT, i), ELEMENT);
		mempool_free(own[i], pool);
		ck_assert_int_eq(mempool_curr_nr(pool), MIN_NR);
	}
	cert = cert_of(pool);
	ck_assert_int_eq(cert.pinned, MIN_NR);
	ck_assert_uint_eq(doubts_but_locks(pool), 0);
	ck_assert_int_eq(mempool_stats(pool, &st), 0);
	ck_assert_uint_eq(st.allocs, 2 * MIN_NR);
	ck_assert_uint_eq(st.frees, 2 * MIN_NR);
	ck_assert_uint_eq(st.from_reserve, MIN_NR);
	ck_assert_uint_eq(st.to_reserve, MIN_NR);
	mempool_destroy(pool);
	ck_assert_int_eq(kmem_cache_shrink(cache), 0); /* what gave way is the cache's again */
}
END_TEST

START_TEST(residency_a_bulk_leaves_none_of_its_own_behind)
{
	void *elements[MIN_NR + 4];

	pool = make((unsigned int)_i, 0, 0);
	take_all(elements);
	for (int i = 0; i < 4; i++)
		elements[MIN_NR + i] = mempool_alloc(pool, GFP_KERNEL);
	for (int i = 0; i < MIN_NR; i++)
		mempool_free(mempool_alloc(pool, GFP_KERNEL), pool); /* full of others */
	/* Two of the backing, the reserve's, two of the backing. */
	for (int i = 0; i < 2; i++) {
		void *first = elements[i];

		elements[i] = elements[MIN_NR + i];
		elements[MIN_NR + i] = first;
	}
	ck_assert_uint_eq(mempool_free_bulk(pool, elements, MIN_NR + 4), MIN_NR + 2);
	ck_assert_int_eq(cert_of(pool).pinned, MIN_NR);
	for (int i = MIN_NR + 2; i < MIN_NR + 4; i++)
		kmem_cache_free(cache, elements[i]);
	mempool_destroy(pool);
	ck_assert_int_eq(kmem_cache_shrink(cache), 0);
}
END_TEST

START_TEST(residency_resize_keeps_what_is_its_own)
{
	void *elements[MIN_NR];

	pool = make((unsigned int)_i, 0, 0);
	ck_assert_int_eq(mempool_resize(pool, 50), 0);
	ck_assert_int_eq(cert_of(pool).pinned, 50);
	ck_assert_uint_eq(doubts_but_locks(pool), 0);
	take_all(elements);
	ck_assert_int_eq(mempool_resize(pool, 2), 0);
	for (int i = 0; i < MIN_NR; i++)
		mempool_free(elements[i], pool);
	ck_assert_int_eq(mempool_curr_nr(pool), 2);
	ck_assert_int_eq(cert_of(pool).pinned, 2);
	ck_assert_int_eq(cert_of(pool).pinned_out, 0);
	ck_assert_int_eq(mempool_resize(pool, 60), 0);
	ck_assert_int_eq(cert_of(pool).pinned, 60);
	ck_assert_int_eq(mempool_curr_nr(pool), 60);
	mempool_destroy(pool);
}
END_TEST

START_TEST(residency_none_takes_from_the_backing)
{
	struct kmem_cache_statistics st = {.size = sizeof(st)};

	pool = make((unsigned int)_i, MEMPOOL_RESIDENCY_NONE, 0);
	ck_assert_int_eq(kmem_cache_stats(cache, &st), 0);
	ck_assert_uint_eq(st.objects, MIN_NR);
	ck_assert_uint_eq(doubts_but_locks(pool), MEMPOOL_DOUBT_BACKING);
	mempool_destroy(pool);
}
END_TEST

/* ---- forks ---- */

static long faults_of_writing(void *const *elements)
{
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	for (int i = 0; i < MIN_NR; i++)
		for (size_t at = 0; at < ELEMENT; at++)
			((volatile char *)elements[i])[at] = (char)at;
	getrusage(RUSAGE_SELF, &after);
	return after.ru_minflt - before.ru_minflt + after.ru_majflt - before.ru_majflt;
}

/* Takes every element, and writes to it. */
static int write_all(void *unused)
{
	static char dummy[ELEMENT];
	void *elements[MIN_NR];

	(void)unused;
	for (int i = 0; i < MIN_NR; i++)
		elements[i] = dummy;
	faults_of_writing(elements); /* the stack has its faults now */
	for (int i = 0; i < MIN_NR; i++) {
		elements[i] = mempool_alloc_preallocated(pool);
		if (!elements[i])
			return 2;
	}
	if (faults_of_writing(elements) != 0)
		return 3;
	for (int i = 0; i < MIN_NR; i++)
		mempool_free(elements[i], pool);
	if (mempool_curr_nr(pool) != MIN_NR)
		return 4;
	return doubts_but_locks(pool) ? 5 : 0;
}

START_TEST(residency_after_a_fork_no_touch_is_a_fault)
{
	int living[2];
	char byte = 0;
	pid_t pid;

	if (under("asan") || under("tsan"))
		return; /* they have faults of their own */
	pool = make((unsigned int)_i, 0, MEMPOOL_AT_FORK_COPY);
	ck_assert_int_eq(pipe(living), 0);
	pid = fork();
	if (pid == 0) {
		close(living[1]);
		_exit(read(living[0], &byte, 1) == 0 ? 0 : 1); /* until the parent has ended, or closed it */
	}
	ck_assert_int_eq(write_all(NULL), 0); /* with a living child */
	close(living[1]);
	child_run(&child, write_all, NULL);
	ck_assert_exited(&child, 0);
	ck_assert_int_eq(write_all(NULL), 0); /* with dead ones */
	close(living[0]);
	mempool_destroy(pool);
}
END_TEST

/* Elements before the fork: what a child may not see. */
static void *out_at_fork;

static int child_of_wipe(void *unused)
{
	char *element;
	int result;

	(void)unused;
	element = mempool_alloc_preallocated(pool);
	if (!element || mempool_curr_nr(pool) != MIN_NR - 1)
		return 10;
	if (same_bytes(element, ELEMENT, 0) != ELEMENT)
		return 11;
	mempool_free(element, pool);
	result = write_all(NULL);
	if (result)
		return result;
	element = mempool_alloc(pool, GFP_KERNEL); /* the ordinary way works again, too */
	mempool_free(element, pool);
	mempool_destroy(pool);
	return 0;
}

START_TEST(residency_wipe_gives_the_child_a_reserve_of_its_own)
{
	if (under("asan") || under("tsan"))
		return;
	pool = make((unsigned int)_i, 0, MEMPOOL_AT_FORK_WIPE);
	out_at_fork = mempool_alloc_preallocated(pool);
	memset(out_at_fork, 7, ELEMENT);
	child_run(&child, child_of_wipe, NULL);
	ck_assert_exited(&child, 0);
	ck_assert_uint_eq(same_bytes(out_at_fork, ELEMENT, 7), ELEMENT);
	mempool_free(out_at_fork, pool);
	ck_assert_int_eq(write_all(NULL), 0);
	mempool_destroy(pool);
}
END_TEST

static int child_of_parent_only(void *unused)
{
	void *element;

	(void)unused;
	if (mempool_curr_nr(pool) != 0 || mempool_alloc_preallocated(pool))
		return 10;
	if (!(cert_of(pool).doubts & MEMPOOL_DOUBT_CHILD))
		return 11;
	element = mempool_alloc(pool, GFP_KERNEL);
	if (!element)
		return 12;
	mempool_free(element, pool); /* taken in */
	if (mempool_curr_nr(pool) != 1 || mempool_alloc_preallocated(pool) != element)
		return 13;
	mempool_free(element, pool);
	mempool_destroy(pool);
	return 0;
}

START_TEST(residency_parent_only_leaves_the_child_an_empty_reserve)
{
	pool = make((unsigned int)_i, 0, MEMPOOL_AT_FORK_PARENT_ONLY);
	child_run(&child, child_of_parent_only, NULL);
	ck_assert_exited(&child, 0);
	ck_assert_int_eq(cert_of(pool).pinned, MIN_NR);
	if (!under("asan") && !under("tsan"))
		ck_assert_int_eq(write_all(NULL), 0);
	mempool_destroy(pool);
}
END_TEST

/* ---- what is refused ---- */

static void *own_alloc(gfp_t gfp_mask, void *data)
{
	(void)gfp_mask;
	return malloc((size_t)data);
}

static void own_free(void *element, void *data)
{
	(void)data;
	free(element);
}

START_TEST(residency_own_callbacks_are_held_in_place)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;

	attr.residency = MEMPOOL_RESIDENCY_BEST_EFFORT;
	ck_assert_ptr_null(mempool_create_attr(MIN_NR, own_alloc, own_free, (void *)5000, &attr));
	ck_assert_int_eq(errno, EINVAL);
	expect_report(MEMPOOL_REPORT_BUG, "element_size is not given");
	attr.element_size = 5000;
	pool = mempool_create_attr(MIN_NR, own_alloc, own_free, (void *)5000, &attr);
	ck_assert_ptr_nonnull(pool);
	ck_assert_int_eq(cert_of(pool).adopted_resident, MIN_NR);
	ck_assert_uint_eq(doubts_but_locks(pool), 0);
	mempool_destroy(pool);
	pool = mempool_create(MIN_NR, own_alloc, own_free, (void *)50);
	ck_assert_uint_eq(doubts_but_locks(pool), MEMPOOL_DOUBT_SIZE);
	mempool_destroy(pool);
}
END_TEST

START_TEST(residency_what_cannot_be_is_refused)
{
	static const struct {
		unsigned int residency, at_fork;
	} bad[] = {{4, 0}, {0, 3}, {MEMPOOL_RESIDENCY_NONE, MEMPOOL_AT_FORK_WIPE}, {3, 1}};

	for (int i = 0; i < LENGTH(bad); i++) {
		errno = 0;
		ck_assert_ptr_null(make(0, bad[i].residency, bad[i].at_fork));
		ck_assert_int_eq(errno, EINVAL);
		expect_report(MEMPOOL_REPORT_BUG, i < 2 ? "has no such value" : "at_fork");
	}
}
END_TEST

TCase *residency_tests(void)
{
	TCase *tc = new_case("residency");

	tcase_add_loop_test(tc, residency_a_new_reserve_is_all_its_own, 0, 2);
	tcase_add_loop_test(tc, residency_what_was_adopted_gives_way, 0, 2);
	tcase_add_loop_test(tc, residency_a_bulk_leaves_none_of_its_own_behind, 0, 2);
	tcase_add_loop_test(tc, residency_resize_keeps_what_is_its_own, 0, 2);
	tcase_add_loop_test(tc, residency_none_takes_from_the_backing, 0, 2);
	tcase_add_loop_test(tc, residency_after_a_fork_no_touch_is_a_fault, 0, 2);
	tcase_add_loop_test(tc, residency_wipe_gives_the_child_a_reserve_of_its_own, 0, 2);
	tcase_add_loop_test(tc, residency_parent_only_leaves_the_child_an_empty_reserve, 0, 2);
	tcase_add_test(tc, residency_own_callbacks_are_held_in_place);
	tcase_add_test(tc, residency_what_cannot_be_is_refused);
	return tc;
}
