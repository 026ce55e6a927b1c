// SPDX-License-Identifier: MIT
/* typesafe.c - slabs that wait for readers (PAR-31). */
#include "reader.h"

#include <errno.h>
#include <mempool/mempool-rcu.h>
#include <string.h>
#include <sys/mman.h>
#include <urcu/urcu-bp.h>

static struct kmem_cache *cache;

#define MANY 4000
#define BIG 4096

static char *many[MANY];

static void look_at_many(void)
{
	for (int i = 0; i < MANY; i++)
		ck_assert_uint_eq(same_bytes(many[i], BIG, i & 0xff), BIG);
}

static void fill_cache(slab_flags_t flags)
{
	cache = kmem_cache_create("typesafe", BIG, 0, flags, NULL);
	ck_assert_ptr_nonnull(cache);
	for (int i = 0; i < MANY; i++) {
		many[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		memset(many[i], i & 0xff, BIG);
	}
}

static int unmapped_objects(void)
{
	unsigned char there[2];
	int count = 0;

	for (int i = 0; i < MANY; i++) {
		char *page = (char *)((uintptr_t)many[i] & ~(uintptr_t)4095);

		count += mincore(page, 4096, there) != 0 && errno == ENOMEM;
	}
	return count;
}

/* 0: as it is. 1: poison was asked for; it would change what readers see. */
START_TEST(par_31_typesafe_slabs_outlive_readers)
{
	fill_cache(SLAB_TYPESAFE_BY_RCU | (_i ? SLAB_POISON | SLAB_STORE_USER : 0));
	start_reader(look_at_many);
	for (int i = 0; i < MANY; i++)
		kmem_cache_free(cache, many[i]);
	kmem_cache_shrink(cache);
	ck_assert_int_eq(unmapped_objects(), 0);
	atomic_store(&reader.may_end, true);
	worker_join(&reader.worker);
	mempool_rcu_barrier();
	ck_assert_int_gt(unmapped_objects(), 0);
	kmem_cache_destroy(cache);
}
END_TEST

START_TEST(par_31_typesafe_objects_are_reused_at_once)
{
	void *object;

	cache = kmem_cache_create("typesafe", 64, 0, SLAB_TYPESAFE_BY_RCU, NULL);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	urcu_bp_read_lock();
	kmem_cache_free(cache, object);
	ck_assert_ptr_eq(kmem_cache_alloc(cache, GFP_KERNEL), object);
	urcu_bp_read_unlock();
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
}
END_TEST

START_TEST(par_31_destroy_waits_for_readers_of_typesafe_slabs)
{
	struct worker helper;

	fill_cache(SLAB_TYPESAFE_BY_RCU);
	start_reader(look_at_many);
	for (int i = 0; i < MANY; i++)
		kmem_cache_free(cache, many[i]);
	worker_start(&helper, end_reader_later, NULL);
	kmem_cache_destroy(cache);
	ck_assert(atomic_load(&reader.ended));
	ck_assert_int_gt(unmapped_objects(), 0);
	worker_join(&helper);
	worker_join(&reader.worker);
}
END_TEST

TCase *typesafe_tests(void)
{
	TCase *tc = new_case("typesafe");

	tcase_add_loop_test(tc, par_31_typesafe_slabs_outlive_readers, 0, 2);
	tcase_add_test(tc, par_31_typesafe_objects_are_reused_at_once);
	tcase_add_test(tc, par_31_destroy_waits_for_readers_of_typesafe_slabs);
	return tc;
}
