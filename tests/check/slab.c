// SPDX-License-Identifier: MIT
/* slab.c - caches of objects of one size (PAR-31). What their debug flags find is in slab_debug.c. */
#include "support.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static void *objects[1024];

static struct kmem_cache_statistics cache_stats(struct kmem_cache *s)
{
	struct kmem_cache_statistics st = {.size = sizeof(st)};

	ck_assert_int_eq(kmem_cache_stats(s, &st), 0);
	return st;
}

static struct kmem_cache *make(const char *name, unsigned int size, unsigned int align, slab_flags_t flags)
{
	struct kmem_cache *s = kmem_cache_create(name, size, align, flags, NULL);

	ck_assert_ptr_nonnull(s);
	return s;
}

START_TEST(par_31_create_and_destroy)
{
	char name[] = "objects";
	struct kmem_cache *s = make(name, 100, 0, 0);

	memset(name, 'x', sizeof(name) - 1);
	ck_assert_str_eq(kmem_cache_name(s), "objects");
	ck_assert_uint_eq(kmem_cache_size(s), 100);
	kmem_cache_destroy(s);
	kmem_cache_destroy(NULL);
}
END_TEST

static const struct {
	unsigned int size, align, expected;
} shapes[] = {
	{1, 0, 8},          {7, 0, 8},       {8, 0, 8},        {9, 0, 8},          {15, 0, 8},       {16, 0, 16},
	{17, 0, 16},        {40, 0, 16},     {100, 0, 16},     {1, 1, 1},          {5, 4, 4},        {24, 32, 32},
	{100, 64, 64},      {200, 128, 128}, {3, 256, 256},    {1000, 1024, 1024}, {10, 4096, 4096}, {4096, 0, 16},
	{5000, 4096, 4096}, {70000, 0, 16},  {1 << 20, 0, 16},
};

START_TEST(par_31_objects_are_aligned_and_apart)
{
	unsigned int size = shapes[_i].size;
	struct kmem_cache *s = make("shaped", size, shapes[_i].align, 0);
	int nr = size > 100000 ? 6 : size > 4000 ? 60 : 300;

	for (int i = 0; i < nr; i++) {
		objects[i] = kmem_cache_alloc(s, GFP_KERNEL);
		ck_assert_ptr_nonnull(objects[i]);
		ck_assert_uint_eq((uintptr_t)objects[i] % shapes[_i].expected, 0);
		memset(objects[i], i & 0xff, size);
	}
	for (int i = 0; i < nr; i++) {
		ck_assert_uint_eq(same_bytes(objects[i], size, i & 0xff), size);
		kmem_cache_free(s, objects[i]);
	}
	ck_assert_uint_eq(cache_stats(s).objects, 0);
	kmem_cache_destroy(s);
}
END_TEST

START_TEST(par_31_largest_objects)
{
	struct kmem_cache *s = make("largest", (unsigned int)KMALLOC_MAX_SIZE, 0, 0);

	for (int i = 0; i < 2; i++) {
		objects[i] = kmem_cache_alloc(s, GFP_KERNEL);
		ck_assert_ptr_nonnull(objects[i]);
		memset(objects[i], i, KMALLOC_MAX_SIZE);
	}
	ck_assert_ptr_ne(objects[0], objects[1]);
	kmem_cache_free(s, objects[0]);
	kmem_cache_free(s, objects[1]);
	kmem_cache_destroy(s);
}
END_TEST

START_TEST(par_31_hwcache_align)
{
	static const unsigned int sizes[] = {33, 40, 64, 65, 100, 128, 200, 500};
	struct kmem_cache *s = make("lines", sizes[_i], 0, SLAB_HWCACHE_ALIGN);

	for (int i = 0; i < 100; i++) {
		objects[i] = kmem_cache_alloc(s, GFP_KERNEL);
		ck_assert_uint_eq((uintptr_t)objects[i] % 64, 0);
	}
	kmem_cache_free_bulk(s, 100, objects);
	kmem_cache_destroy(s);
}
END_TEST

struct odd_thing {
	_Alignas(32) char text[40];
};

START_TEST(par_31_kmem_cache_macro)
{
	struct kmem_cache *s = KMEM_CACHE(odd_thing, 0);
	struct odd_thing *thing[2];

	ck_assert_ptr_nonnull(s);
	ck_assert_str_eq(kmem_cache_name(s), "odd_thing");
	ck_assert_uint_eq(kmem_cache_size(s), sizeof(struct odd_thing));
	for (int i = 0; i < 2; i++) {
		thing[i] = kmem_cache_alloc(s, GFP_KERNEL);
		ck_assert_uint_eq((uintptr_t)thing[i] % 32, 0);
	}
	kmem_cache_free(s, thing[0]);
	kmem_cache_free(s, thing[1]);
	kmem_cache_destroy(s);
}
END_TEST

static unsigned long constructed;

static void construct(void *object)
{
	constructed++;
	memset(object, 0x33, 56);
}

static bool is_constructed(const void *object)
{
	return same_bytes(object, 56, 0x33) == 56;
}

START_TEST(par_31_constructor_runs_once_per_object)
{
	struct kmem_cache *s = kmem_cache_create("built", 56, 0, 0, construct);
	struct kmem_cache_statistics st;
	unsigned long after_first;

	ck_assert_ptr_nonnull(s);
	for (int i = 0; i < 200; i++) {
		objects[i] = kmem_cache_alloc(s, GFP_KERNEL);
		ck_assert(is_constructed(objects[i]));
	}
	st = cache_stats(s);
	ck_assert_uint_eq(constructed, st.slabs * st.objects_per_slab);
	ck_assert_uint_ge(constructed, 200);
	after_first = constructed;

	/* Freed in the constructed state, they come again in it, and no constructor is called. */
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 200; i++)
			kmem_cache_free(s, objects[i]);
		for (int i = 0; i < 200; i++) {
			objects[i] = kmem_cache_alloc(s, GFP_KERNEL);
			ck_assert(is_constructed(objects[i]));
		}
	}
	st = cache_stats(s);
	ck_assert_uint_eq(constructed, after_first);
	kmem_cache_free_bulk(s, 200, objects);
	kmem_cache_destroy(s);
}
END_TEST

START_TEST(par_31_zalloc_zeroes_used_objects)
{
	struct kmem_cache *s = make("zeroed", 72, 0, 0);

	for (int i = 0; i < 100; i++) {
		objects[i] = kmem_cache_alloc(s, GFP_KERNEL);
		memset(objects[i], 0xee, 72);
	}
	kmem_cache_free_bulk(s, 100, objects);
	for (int i = 0; i < 100; i++) {
		objects[i] = i % 2 ? kmem_cache_zalloc(s, GFP_ATOMIC) : kmem_cache_alloc(s, GFP_KERNEL | __GFP_ZERO);
		ck_assert_uint_eq(same_bytes(objects[i], 72, 0), 72);
	}
	kmem_cache_free_bulk(s, 100, objects);
	kmem_cache_destroy(s);
}
END_TEST

START_TEST(par_31_bulk)
{
	struct kmem_cache *s = make("bulk", 64, 0, 0);

	ck_assert_int_eq(kmem_cache_alloc_bulk(s, GFP_KERNEL, 1000, objects), 1000);
	ck_assert_uint_eq(cache_stats(s).objects, 1000);
	for (int i = 0; i < 1000; i++) {
		ck_assert_ptr_nonnull(objects[i]);
		memset(objects[i], i & 0x7f, 64);
	}
	for (int i = 0; i < 1000; i++) {
		ck_assert_uint_eq(((unsigned char *)objects[i])[0], i & 0x7f);
		ck_assert_uint_eq(((unsigned char *)objects[i])[63], i & 0x7f);
	}
	kmem_cache_free_bulk(s, 1000, objects);
	ck_assert_uint_eq(cache_stats(s).objects, 0);
	ck_assert_int_eq(kmem_cache_alloc_bulk(s, GFP_KERNEL, 0, objects), 0);
	kmem_cache_free_bulk(s, 0, objects);
	kmem_cache_destroy(s);
}
END_TEST

START_TEST(par_31_shrink)
{
	struct kmem_cache *s = make("shrunk", 256, 0, 0);

	ck_assert_int_eq(kmem_cache_alloc_bulk(s, GFP_KERNEL, 500, objects), 500);
	ck_assert_uint_ge(cache_stats(s).slabs, 500 / cache_stats(s).objects_per_slab);
	ck_assert_int_eq(kmem_cache_shrink(s), 1);
	kmem_cache_free_bulk(s, 499, objects);
	ck_assert_int_eq(kmem_cache_shrink(s), 1);
	ck_assert_uint_eq(cache_stats(s).slabs, 1);
	kmem_cache_free(s, objects[499]);
	ck_assert_int_eq(kmem_cache_shrink(s), 0);
	ck_assert_uint_eq(cache_stats(s).slabs, 0);
	objects[0] = kmem_cache_alloc(s, GFP_KERNEL);
	ck_assert_ptr_nonnull(objects[0]);
	kmem_cache_free(s, objects[0]);
	kmem_cache_destroy(s);
}
END_TEST

START_TEST(par_31_destroy_with_live_objects_reports_and_keeps_them)
{
	struct kmem_cache *s = make("leaky", 80, 0, 0);
	void *fresh[200];

	for (int i = 0; i < 150; i++) {
		objects[i] = kmem_cache_alloc(s, GFP_KERNEL);
		memset(objects[i], i, 80);
	}
	for (int i = 3; i < 150; i++)
		kmem_cache_free(s, objects[i]);
	kmem_cache_destroy(s);
	ck_assert_ptr_nonnull(strstr(expect_report(MEMPOOL_REPORT_BUG, "'leaky'"), "3"));

	/* The memory stays, and nobody else gets it. */
	s = make("next", 80, 0, 0);
	for (int i = 0; i < 200; i++) {
		fresh[i] = kmem_cache_alloc(s, GFP_KERNEL);
		memset(fresh[i], 0xff, 80);
	}
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(same_bytes(objects[i], 80, i), 80);
	kmem_cache_free_bulk(s, 200, fresh);
	kmem_cache_destroy(s);
}
END_TEST

static struct kmem_cache *bad_cache(int which, slab_flags_t flags)
{
	static const char long_name[] = "0123456789012345678901234567890123456789012345678901234567890123";

	switch (which) {
	case 0:
		return kmem_cache_create("size-0", 0, 0, flags, NULL);
	case 1:
		return kmem_cache_create("too-large", (unsigned int)KMALLOC_MAX_SIZE + 1, 0, flags, NULL);
	case 2:
		return kmem_cache_create("far-too-large", ~0u, 0, flags, NULL);
	case 3:
		return kmem_cache_create("align-3", 64, 3, flags, NULL);
	case 4:
		return kmem_cache_create("align-8192", 64, 2 * (unsigned int)PAGE_SIZE, flags, NULL);
	case 5:
		return kmem_cache_create(NULL, 64, 0, flags, NULL);
	case 6:
		return kmem_cache_create("", 64, 0, flags, NULL);
	default:
		ck_assert_uint_eq(strlen(long_name), KMEM_CACHE_NAME_MAX);
		return kmem_cache_create(long_name, 64, 0, flags, NULL);
	}
}

START_TEST(par_31_bad_arguments_are_einval)
{
	errno = 0;
	ck_assert_ptr_null(bad_cache(_i, 0));
	ck_assert_int_eq(errno, EINVAL);
	expect_report(MEMPOOL_REPORT_BUG, "");
}
END_TEST

START_TEST(par_31_slab_panic_aborts)
{
	bad_cache(_i, SLAB_PANIC);
}
END_TEST

START_TEST(par_31_slab_panic_is_quiet_when_all_is_well)
{
	kmem_cache_destroy(make("well", 64, 0, SLAB_PANIC));
}
END_TEST

START_TEST(par_31_longest_name)
{
	const char *name = "012345678901234567890123456789012345678901234567890123456789012";
	struct kmem_cache *s = make(name, 64, 0, 0);

	ck_assert_uint_eq(strlen(name), KMEM_CACHE_NAME_MAX - 1);
	ck_assert_str_eq(kmem_cache_name(s), name);
	kmem_cache_destroy(s);
}
END_TEST

START_TEST(par_31_free_null_does_nothing)
{
	struct kmem_cache *s = make("null", 64, 0, 0);

	kmem_cache_free(s, NULL);
	ck_assert_uint_eq(cache_stats(s).frees, 0);
	kmem_cache_destroy(s);
}
END_TEST

START_TEST(cache_stats_are_exact)
{
	struct kmem_cache *s = make("counted", 100, 0, 0);
	struct kmem_cache_statistics st = cache_stats(s);

	ck_assert_uint_eq(st.object_size, 100);
	ck_assert_uint_ge(st.slot_size, 100);
	ck_assert_uint_ge(st.slab_bytes, st.slot_size * st.objects_per_slab);
	ck_assert_uint_eq(st.slab_bytes % PAGE_SIZE, 0);
	ck_assert_uint_eq(st.allocs + st.frees + st.objects + st.failures, 0);
	ck_assert_int_eq(kmem_cache_alloc_bulk(s, GFP_KERNEL, 10, objects), 10);
	for (int i = 10; i < 15; i++)
		objects[i] = kmem_cache_alloc(s, GFP_KERNEL);
	kmem_cache_free_bulk(s, 4, objects);
	kmem_cache_free(s, objects[4]);
	st = cache_stats(s);
	ck_assert_uint_eq(st.allocs, 15);
	ck_assert_uint_eq(st.frees, 5);
	ck_assert_uint_eq(st.objects, 10);
	ck_assert_uint_ge(st.slabs, 1);
	st.size = 0;
	ck_assert_int_eq(kmem_cache_stats(s, &st), -EINVAL);
	kmem_cache_free_bulk(s, 10, objects + 5);
	kmem_cache_destroy(s);
}
END_TEST

TCase *slab_tests(void)
{
	TCase *tc = new_case("slab");

	tcase_add_test(tc, par_31_create_and_destroy);
	tcase_add_loop_test(tc, par_31_objects_are_aligned_and_apart, 0, LENGTH(shapes));
	tcase_add_test(tc, par_31_largest_objects);
	tcase_add_loop_test(tc, par_31_hwcache_align, 0, 8);
	tcase_add_test(tc, par_31_kmem_cache_macro);
	tcase_add_test(tc, par_31_constructor_runs_once_per_object);
	tcase_add_test(tc, par_31_zalloc_zeroes_used_objects);
	tcase_add_test(tc, par_31_bulk);
	tcase_add_test(tc, par_31_shrink);
	tcase_add_test(tc, par_31_destroy_with_live_objects_reports_and_keeps_them);
	tcase_add_loop_test(tc, par_31_bad_arguments_are_einval, 0, 8);
	tcase_add_loop_test_raise_signal(tc, par_31_slab_panic_aborts, SIGABRT, 0, 8);
	tcase_add_test(tc, par_31_slab_panic_is_quiet_when_all_is_well);
	tcase_add_test(tc, par_31_longest_name);
	tcase_add_test(tc, par_31_free_null_does_nothing);
	tcase_add_test(tc, cache_stats_are_exact);
	return tc;
}
