// SPDX-License-Identifier: MIT
/* slab_debug.c - what the debug flags of caches find: double and foreign frees, overruns, writes after free (PAR-31).
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

static void *objects[512];

static struct kmem_cache *make(unsigned int size, slab_flags_t flags)
{
	struct kmem_cache *s = kmem_cache_create("debugged", size, 0, flags, NULL);

	ck_assert_ptr_nonnull(s);
	return s;
}

static unsigned int objects_per_slab(struct kmem_cache *s)
{
	struct kmem_cache_statistics st = {.size = sizeof(st)};

	ck_assert_int_eq(kmem_cache_stats(s, &st), 0);
	return st.objects_per_slab;
}

/* The cache still hands out each object once. */
static void is_healthy(struct kmem_cache *s)
{
	int nr = 3 * (int)objects_per_slab(s);

	nr = nr < LENGTH(objects) ? nr : LENGTH(objects);
	for (int i = 0; i < nr; i++) {
		objects[i] = kmem_cache_alloc(s, GFP_KERNEL);
		ck_assert_ptr_nonnull(objects[i]);
		for (int k = 0; k < i; k++)
			if (objects[i] == objects[k])
				ck_abort_msg("%p was handed out twice", objects[i]);
	}
	for (int i = 0; i < nr; i++)
		kmem_cache_free(s, objects[i]);
}

static const char *names_cache_and_object(const char *text, const void *object)
{
	ck_assert_msg(has_address(text, object), "the object %p is not named in: %s", object, text);
	ck_assert_msg(has_own_code_address(text), "no stack address in: %s", text);
	return text;
}

START_TEST(par_31_checks_double_free)
{
	struct kmem_cache *s = make(64, SLAB_CONSISTENCY_CHECKS);
	void *other = kmem_cache_alloc(s, GFP_KERNEL);
	void *object = kmem_cache_alloc(s, GFP_KERNEL);

	kmem_cache_free(s, object);
	kmem_cache_free(s, object);
	names_cache_and_object(expect_report(MEMPOOL_REPORT_BUG, "'debugged'"), object);
	is_healthy(s);

	/* Not only when it was the last one freed. */
	object = kmem_cache_alloc(s, GFP_KERNEL);
	kmem_cache_free(s, object);
	kmem_cache_free(s, other);
	kmem_cache_free(s, object);
	names_cache_and_object(expect_report(MEMPOOL_REPORT_BUG, "'debugged'"), object);
	is_healthy(s);
	kmem_cache_destroy(s);
}
END_TEST

START_TEST(par_31_checks_double_free_in_bulk)
{
	struct kmem_cache *s = make(64, SLAB_CONSISTENCY_CHECKS);
	void *pair[2];

	pair[0] = pair[1] = kmem_cache_alloc(s, GFP_KERNEL);
	kmem_cache_free_bulk(s, 2, pair);
	names_cache_and_object(expect_report(MEMPOOL_REPORT_BUG, "'debugged'"), pair[0]);
	is_healthy(s);
	kmem_cache_destroy(s);
}
END_TEST

START_TEST(par_31_checks_foreign_free)
{
	struct kmem_cache *s = make(64, SLAB_CONSISTENCY_CHECKS);
	struct kmem_cache *other = kmem_cache_create("other", 64, 0, 0, NULL);
	char on_stack[64];
	void *from_heap = malloc(64);
	void *from_other = kmem_cache_alloc(other, GFP_KERNEL);
	void *from_kmalloc = kmalloc(64, GFP_KERNEL);
	void *foreign[] = {on_stack, from_heap, from_other, from_kmalloc, objects, (void *)8, (void *)~(uintptr_t)7};

	for (int i = 0; i < LENGTH(foreign); i++) {
		kmem_cache_free(s, foreign[i]);
		names_cache_and_object(expect_report(MEMPOOL_REPORT_BUG, "'debugged'"), foreign[i]);
		ck_assert_int_eq(reports_pending(), 0);
	}
	is_healthy(s);
	kmem_cache_free(other, from_other);
	kfree(from_kmalloc);
	free(from_heap);
	kmem_cache_destroy(other);
	kmem_cache_destroy(s);
}
END_TEST

START_TEST(par_31_checks_misaligned_free)
{
	struct kmem_cache *s = make(64, SLAB_CONSISTENCY_CHECKS);
	char *object = kmem_cache_alloc(s, GFP_KERNEL);

	kmem_cache_free(s, object + 8);
	names_cache_and_object(expect_report(MEMPOOL_REPORT_BUG, "'debugged'"), object + 8);
	kmem_cache_free(s, object + 1);
	names_cache_and_object(expect_report(MEMPOOL_REPORT_BUG, "'debugged'"), object + 1);
	kmem_cache_free(s, object);
	is_healthy(s);
	kmem_cache_destroy(s);
}
END_TEST

static const unsigned int zoned_sizes[] = {1, 8, 13, 16, 60, 64, 100, 1000, 5000};

START_TEST(par_31_red_zone_after_the_object)
{
	unsigned int size = zoned_sizes[_i % LENGTH(zoned_sizes)];
	struct kmem_cache *s =
		make(size, _i < LENGTH(zoned_sizes) ? SLAB_RED_ZONE : SLAB_RED_ZONE | SLAB_CONSISTENCY_CHECKS);
	volatile unsigned char *object = kmem_cache_alloc(s, GFP_KERNEL);

	memset((void *)object, 0, size);
	object[size] ^= 0xff;
	kmem_cache_free(s, (void *)object);
	names_cache_and_object(expect_report(MEMPOOL_REPORT_BUG, "'debugged'"), (void *)object);
	while (reports_pending())
		expect_some_report("");
	kmem_cache_destroy(s);
	while (reports_pending())
		expect_some_report("'debugged'");
}
END_TEST

START_TEST(par_31_red_zone_before_the_object)
{
	struct kmem_cache *s = make(64, SLAB_RED_ZONE);
	volatile unsigned char *object = kmem_cache_alloc(s, GFP_KERNEL);

	object[-1] ^= 0xff;
	kmem_cache_free(s, (void *)object);
	names_cache_and_object(expect_report(MEMPOOL_REPORT_BUG, "'debugged'"), (void *)object);
	while (reports_pending())
		expect_some_report("");
	kmem_cache_destroy(s);
	while (reports_pending())
		expect_some_report("'debugged'");
}
END_TEST

static const slab_flags_t flag_sets[] = {
	SLAB_RED_ZONE,
	SLAB_POISON,
	SLAB_STORE_USER,
	SLAB_CONSISTENCY_CHECKS,
	SLAB_RED_ZONE | SLAB_POISON,
	SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER | SLAB_CONSISTENCY_CHECKS,
	SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER | SLAB_CONSISTENCY_CHECKS | SLAB_HWCACHE_ALIGN,
};

START_TEST(par_31_debug_flags_are_silent_about_correct_use)
{
	for (int n = 0; n < LENGTH(zoned_sizes); n++) {
		unsigned int size = zoned_sizes[n];
		struct kmem_cache *s = make(size, flag_sets[_i]);

		for (int round = 0; round < 3; round++) {
			for (int i = 0; i < 50; i++) {
				objects[i] = i % 2 ? kmem_cache_zalloc(s, GFP_KERNEL) : kmem_cache_alloc(s, GFP_KERNEL);
				ck_assert_uint_eq((uintptr_t)objects[i] % (size < 16 ? 8 : 16), 0);
				memset(objects[i], 0xff, size);
			}
			for (int i = 0; i < 50; i += 2)
				kmem_cache_free(s, objects[i]);
			for (int i = 1; i < 50; i += 2)
				kmem_cache_free(s, objects[i]);
		}
		kmem_cache_shrink(s);
		ck_assert_int_eq(kmem_cache_alloc_bulk(s, GFP_KERNEL, 50, objects), 50);
		kmem_cache_free_bulk(s, 50, objects);
		kmem_cache_destroy(s);
	}
}
END_TEST

static const unsigned int poison_offsets[] = {0, 8, 31, 63};

START_TEST(par_31_poison_finds_a_write_after_free)
{
	struct kmem_cache *s = make(64, SLAB_POISON);
	unsigned int nr = objects_per_slab(s);
	volatile unsigned char *object;

	ck_assert_int_eq(kmem_cache_alloc_bulk(s, GFP_KERNEL, nr, objects), nr);
	object = objects[nr / 2];
	kmem_cache_free_bulk(s, nr, objects);
	object[poison_offsets[_i]] ^= 0x10;
	for (unsigned int i = 0; i < nr; i++)
		objects[i] = kmem_cache_alloc(s, GFP_KERNEL);
	names_cache_and_object(expect_report(MEMPOOL_REPORT_BUG, "'debugged'"), (void *)object);
	for (unsigned int i = 0; i < nr; i++)
		if (objects[i])
			kmem_cache_free(s, objects[i]);
	kmem_cache_destroy(s);
}
END_TEST

START_TEST(par_31_poison_fills_free_objects)
{
	struct kmem_cache *s = make(64, SLAB_POISON);
	volatile unsigned char *object = kmem_cache_alloc(s, GFP_KERNEL);

	memset((void *)object, 0, 64);
	kmem_cache_free(s, (void *)object);
	ck_assert_uint_eq(same_bytes(object, 63, 0x6b), 63);
	ck_assert_uint_eq(object[63], 0xa5);
	kmem_cache_destroy(s);
}
END_TEST

static void construct(void *object)
{
	memset(object, 0x44, 64);
}

START_TEST(par_31_debug_flags_respect_the_constructor)
{
	struct kmem_cache *s = kmem_cache_create("built", 64, 0, flag_sets[_i], construct);

	ck_assert_ptr_nonnull(s);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 100; i++) {
			objects[i] = kmem_cache_alloc(s, GFP_KERNEL);
			ck_assert_uint_eq(same_bytes(objects[i], 64, 0x44), 64);
		}
		for (int i = 0; i < 100; i++)
			kmem_cache_free(s, objects[i]);
	}
	kmem_cache_destroy(s);
}
END_TEST

__attribute__((noinline)) static void *allocate_here(struct kmem_cache *s)
{
	void *volatile object = kmem_cache_alloc(s, GFP_KERNEL);

	return object;
}

__attribute__((noinline)) static void free_here(struct kmem_cache *s, void *object)
{
	kmem_cache_free(s, object);
	__asm__ volatile("");
}

/* Does the text name an address inside the function (whose code is surely shorter than 256 bytes)? */
static bool names_function(const char *text, const void *function)
{
	for (const char *p = strstr(text, "0x"); p; p = strstr(p + 2, "0x")) {
		uintptr_t address = (uintptr_t)strtoull(p, NULL, 16);

		if (address > (uintptr_t)function && address < (uintptr_t)function + 256)
			return true;
	}
	return false;
}

START_TEST(par_31_store_user_says_who_allocated_and_who_freed)
{
	struct kmem_cache *s = make(64, SLAB_STORE_USER | SLAB_CONSISTENCY_CHECKS);
	void *object = allocate_here(s);
	const char *text;

	free_here(s, object);
	kmem_cache_free(s, object);
	text = expect_report(MEMPOOL_REPORT_BUG, "'debugged'");
	ck_assert_msg(names_function(text, (const void *)(uintptr_t)allocate_here), "allocation missing: %s", text);
	ck_assert_msg(names_function(text, (const void *)(uintptr_t)free_here), "free missing: %s", text);
	is_healthy(s);
	kmem_cache_destroy(s);
}
END_TEST

START_TEST(par_31_store_user_at_destroy)
{
	struct kmem_cache *s = make(64, SLAB_STORE_USER);
	void *object = allocate_here(s);
	const char *text;

	kmem_cache_destroy(s);
	text = expect_report(MEMPOOL_REPORT_BUG, "'debugged'");
	ck_assert_msg(has_address(text, object), "the live object is not named: %s", text);
}
END_TEST

START_TEST(par_31_debug_options_add_flags_to_new_caches)
{
	struct kmem_cache *before = make(64, 0);
	struct kmem_cache *s;
	volatile unsigned char *object;

	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_CHECKS | MEMPOOL_DEBUG_REDZONE), 0);
	s = make(64, 0);
	object = kmem_cache_alloc(s, GFP_KERNEL);
	object[64] ^= 0xff;
	kmem_cache_free(s, (void *)object);
	expect_report(MEMPOOL_REPORT_BUG, "'debugged'");
	while (reports_pending())
		expect_some_report("'debugged'");
	kmem_cache_destroy(before);
	kmem_cache_destroy(s);
	while (reports_pending())
		expect_some_report("'debugged'");
}
END_TEST

TCase *slab_debug_tests(void)
{
	TCase *tc = new_case("slab_debug");

	tcase_add_test(tc, par_31_checks_double_free);
	tcase_add_test(tc, par_31_checks_double_free_in_bulk);
	tcase_add_test(tc, par_31_checks_foreign_free);
	tcase_add_test(tc, par_31_checks_misaligned_free);
	tcase_add_loop_test(tc, par_31_red_zone_after_the_object, 0, 2 * LENGTH(zoned_sizes));
	tcase_add_test(tc, par_31_red_zone_before_the_object);
	tcase_add_loop_test(tc, par_31_debug_flags_are_silent_about_correct_use, 0, LENGTH(flag_sets));
	tcase_add_loop_test(tc, par_31_poison_finds_a_write_after_free, 0, LENGTH(poison_offsets));
	tcase_add_test(tc, par_31_poison_fills_free_objects);
	tcase_add_loop_test(tc, par_31_debug_flags_respect_the_constructor, 0, LENGTH(flag_sets));
	tcase_add_test(tc, par_31_store_user_says_who_allocated_and_who_freed);
	tcase_add_test(tc, par_31_store_user_at_destroy);
	tcase_add_test(tc, par_31_debug_options_add_flags_to_new_caches);
	return tc;
}
