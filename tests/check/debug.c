// SPDX-License-Identifier: MIT
/* debug.c - switching checks on, from the program and from the environment, and where reports go (extension). */
#include "support.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct child_result child;

START_TEST(debug_set_and_get)
{
	ck_assert_uint_eq(mempool_debug_get(), 0);
	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_POISON | MEMPOOL_DEBUG_TRACK), 0);
	ck_assert_uint_eq(mempool_debug_get(), MEMPOOL_DEBUG_POISON | MEMPOOL_DEBUG_TRACK);
	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_SLEEP), 0);
	ck_assert_uint_eq(mempool_debug_get(), MEMPOOL_DEBUG_SLEEP);
	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_ALL | MEMPOOL_DEBUG_PANIC), 0);
	ck_assert_uint_eq(mempool_debug_get(), MEMPOOL_DEBUG_ALL | MEMPOOL_DEBUG_PANIC);
	ck_assert_int_eq(mempool_debug_set(0), 0);
	ck_assert_uint_eq(mempool_debug_get(), 0);
}
END_TEST

START_TEST(debug_set_refuses_unknown_bits)
{
	static const unsigned int unknown[] = {0x200u, 0x400u, ~0u, 0x80000000u | MEMPOOL_DEBUG_POISON};

	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_TRACK), 0);
	ck_assert_int_eq(mempool_debug_set(unknown[_i]), -EINVAL);
	ck_assert_uint_eq(mempool_debug_get(), MEMPOOL_DEBUG_TRACK);
	while (reports_pending())
		expect_some_report("");
}
END_TEST

START_TEST(debug_panic_aborts_after_the_first_report)
{
	mempool_debug_set(MEMPOOL_DEBUG_PANIC);
	non_block_end();
}
END_TEST

START_TEST(debug_panic_is_not_for_correct_programs)
{
	mempool_t *pool;

	ck_assert_int_eq(mempool_debug_set(MEMPOOL_DEBUG_ALL | MEMPOOL_DEBUG_PANIC), 0);
	pool = mempool_create_kmalloc_pool(2, 64);
	mempool_free(mempool_alloc(pool, GFP_KERNEL), pool);
	mempool_destroy(pool);
}
END_TEST

START_TEST(report_count_counts)
{
	ck_assert_uint_eq(mempool_report_count(), 0);
	non_block_end();
	ck_assert_uint_eq(mempool_report_count(), 1);
	non_block_end();
	ck_assert_uint_eq(mempool_report_count(), 2);
	expect_report(MEMPOOL_REPORT_BUG, "");
	expect_report(MEMPOOL_REPORT_BUG, "");
}
END_TEST

static int report_to_stderr(void *unused)
{
	(void)unused;
	mempool_set_report_fn(NULL, NULL);
	non_block_end();
	return mempool_report_count() == 1 ? 7 : 8;
}

START_TEST(reports_go_to_stderr_by_default)
{
	child_run(&child, report_to_stderr, NULL);
	ck_assert_exited(&child, 7);
	ck_assert_ptr_nonnull(strstr(child.output, "mempool: BUG: "));
	ck_assert_int_eq(child.output[strlen(child.output) - 1], '\n');
}
END_TEST

/* ---- MEMPOOL_DEBUG: what "check-suite --child NAME" does ---- */

static int child_flags(void)
{
	unsigned int flags = mempool_debug_get();

	printf("flags=%#x reports=%lu\n", flags, mempool_report_count());
	return 0;
}

static int child_bug(void)
{
	non_block_end();
	printf("alive\n");
	return 0;
}

static int child_double_kfree(void)
{
	void *p = kmalloc(64, GFP_KERNEL);
	void *a, *b;

	kfree(p);
	kfree(p);
	a = kmalloc(64, GFP_KERNEL);
	b = kmalloc(64, GFP_KERNEL);
	printf("%s reports=%lu\n", a == b ? "same" : "apart", mempool_report_count());
	return 0;
}

static int child_kfree_inside(void)
{
	char *p = kmalloc(64, GFP_KERNEL);

	kfree(p + 8);
	kfree(p + 1);
	memset(p, 0, 64);
	kfree(p);
	printf("reports=%lu\n", mempool_report_count());
	return 0;
}

static int child_kmalloc_overrun(void)
{
	volatile char *p = kmalloc(64, GFP_KERNEL);

	p[64] ^= 1;
	kfree((void *)p);
	printf("reports=%lu\n", mempool_report_count());
	return 0;
}

static int child_track(void)
{
	mempool_t *pool = mempool_create_kmalloc_pool(2, 64);
	void *p = mempool_alloc_preallocated(pool);

	mempool_free(p, pool);
	mempool_free(p, pool);
	printf("reports=%lu\n", mempool_report_count());
	return 0;
}

static int child_correct(void)
{
	mempool_t *pool = mempool_create_page_pool(2, 1);
	struct kmem_cache *cache = kmem_cache_create("correct", 40, 0, 0, NULL);
	void *elems[2] = {NULL, NULL};
	char *text = kmalloc(20, GFP_KERNEL);

	strcpy(text, "nothing but right");
	text = krealloc(text, 3000, GFP_KERNEL);
	if (strcmp(text, "nothing but right") != 0)
		return 1;
	mempool_alloc_bulk(pool, elems, 2, 0);
	for (int i = 0; i < 2; i++)
		mempool_free(elems[i], pool);
	kmem_cache_free(cache, kmem_cache_zalloc(cache, GFP_ATOMIC));
	kfree(text);
	kvfree(kvmalloc(10u << 20, GFP_KERNEL));
	mempool_destroy(pool);
	kmem_cache_destroy(cache);
	printf("reports=%lu\n", mempool_report_count());
	return 0;
}

int child_main(const char *name)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} modes[] = {
		{"flags", child_flags},
		{"bug", child_bug},
		{"double-kfree", child_double_kfree},
		{"kmalloc-overrun", child_kmalloc_overrun},
		{"kfree-inside", child_kfree_inside},
		{"track", child_track},
		{"correct", child_correct},
		{"faults", fault_child},
		{"deadlock", deadlock_child},
	};

	for (int i = 0; i < LENGTH(modes); i++)
		if (strcmp(name, modes[i].name) == 0)
			return modes[i].run();
	fprintf(stderr, "check-suite: no child mode '%s'\n", name);
	return 2;
}

static const struct {
	const char *text;
	unsigned int flags;
} settings[] = {
	{NULL, 0},
	{"", 0},
	{"poison", MEMPOOL_DEBUG_POISON},
	{"redzone", MEMPOOL_DEBUG_REDZONE},
	{"user", MEMPOOL_DEBUG_USER},
	{"track", MEMPOOL_DEBUG_TRACK},
	{"sleep", MEMPOOL_DEBUG_SLEEP},
	{"checks", MEMPOOL_DEBUG_CHECKS},
	{"panic", MEMPOOL_DEBUG_PANIC},
	{"all", MEMPOOL_DEBUG_ALL},
	{"poison,track", MEMPOOL_DEBUG_POISON | MEMPOOL_DEBUG_TRACK},
	{"panic,all", MEMPOOL_DEBUG_ALL | MEMPOOL_DEBUG_PANIC},
	{"user,redzone,checks", MEMPOOL_DEBUG_USER | MEMPOOL_DEBUG_REDZONE | MEMPOOL_DEBUG_CHECKS},
};

START_TEST(environment_switches_checks_on)
{
	char expected[64];

	child_exec(&child, "flags", settings[_i].text);
	ck_assert_exited(&child, 0);
	snprintf(expected, sizeof(expected), "flags=%#x reports=0\n", settings[_i].flags);
	ck_assert_str_eq(child.output, expected);
}
END_TEST

static const char *const unknown_settings[] = {"posion", "poison,bogus", "bogus,poison",
					       "POISON", "poison;track", "0x3f"};

START_TEST(environment_with_an_unknown_name_is_refused)
{
	child_exec(&child, "flags", unknown_settings[_i]);
	ck_assert_exited(&child, 0);
	ck_assert_msg(strstr(child.output, "flags=0 "), "%s", child.output);
	ck_assert_msg(strstr(child.output, "reports=1\n"), "%s", child.output);
	ck_assert_msg(strstr(child.output, "mempool: "), "%s", child.output);
	ck_assert_msg(strstr(child.output, "MEMPOOL_DEBUG"), "%s", child.output);
}
END_TEST

START_TEST(environment_panic_aborts)
{
	child_exec(&child, "bug", "panic");
	ck_assert_killed(&child, SIGABRT);
	ck_assert_ptr_nonnull(strstr(child.output, "mempool: BUG: "));
	ck_assert_ptr_null(strstr(child.output, "alive"));
	child_exec(&child, "bug", NULL);
	ck_assert_exited(&child, 0);
	ck_assert_ptr_nonnull(strstr(child.output, "alive"));
}
END_TEST

START_TEST(environment_checks_reach_kmalloc)
{
	child_exec(&child, "double-kfree", "checks");
	ck_assert_exited(&child, 0);
	ck_assert_msg(strstr(child.output, "apart reports=1\n"), "%s", child.output);
}
END_TEST

START_TEST(environment_checks_find_a_kfree_inside_an_object)
{
	child_exec(&child, "kfree-inside", "checks");
	ck_assert_exited(&child, 0);
	ck_assert_msg(strstr(child.output, "reports=2\n"), "%s", child.output);
}
END_TEST

START_TEST(environment_redzone_reaches_kmalloc)
{
	child_exec(&child, "kmalloc-overrun", "redzone");
	ck_assert_exited(&child, 0);
	ck_assert_msg(strstr(child.output, "reports=1\n"), "%s", child.output);
	ck_assert_ptr_nonnull(strstr(child.output, "mempool: BUG: "));
}
END_TEST

START_TEST(environment_track_reaches_pools)
{
	child_exec(&child, "track", "track");
	ck_assert_exited(&child, 0);
	ck_assert_msg(strstr(child.output, "reports=1\n"), "%s", child.output);
	child_exec(&child, "track", NULL);
	ck_assert_exited(&child, 0);
	ck_assert_msg(strstr(child.output, "reports=0\n"), "%s", child.output);
}
END_TEST

static const char *const all_settings[] = {"", "all", "all,panic", "poison", "redzone,checks", "user,track"};

START_TEST(environment_checks_are_silent_about_correct_programs)
{
	child_exec(&child, "correct", all_settings[_i]);
	ck_assert_exited(&child, 0);
	ck_assert_str_eq(child.output, "reports=0\n");
}
END_TEST

TCase *debug_tests(void)
{
	TCase *tc = new_case("debug");

	tcase_add_test(tc, debug_set_and_get);
	tcase_add_loop_test(tc, debug_set_refuses_unknown_bits, 0, 4);
	tcase_add_test_raise_signal(tc, debug_panic_aborts_after_the_first_report, SIGABRT);
	tcase_add_test(tc, debug_panic_is_not_for_correct_programs);
	tcase_add_test(tc, report_count_counts);
	tcase_add_test(tc, reports_go_to_stderr_by_default);
	tcase_add_loop_test(tc, environment_switches_checks_on, 0, LENGTH(settings));
	tcase_add_loop_test(tc, environment_with_an_unknown_name_is_refused, 0, LENGTH(unknown_settings));
	tcase_add_test(tc, environment_panic_aborts);
	tcase_add_test(tc, environment_checks_reach_kmalloc);
	tcase_add_test(tc, environment_checks_find_a_kfree_inside_an_object);
	tcase_add_test(tc, environment_redzone_reaches_kmalloc);
	tcase_add_test(tc, environment_track_reaches_pools);
	tcase_add_loop_test(tc, environment_checks_are_silent_about_correct_programs, 0, LENGTH(all_settings));
	return tc;
}
