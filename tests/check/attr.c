// SPDX-License-Identifier: MIT
/* attr.c - pools made with options: names, masks, and what is refused (extension to PAR-1 and PAR-3). */
#include "scripted.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* The layout that programs were compiled against. */
_Static_assert(sizeof(mempool_t) == 256, "mempool_t grew");
_Static_assert(offsetof(mempool_t, pool_data) == 8, "mempool_t changed");

static mempool_t pool;

static int init_with(const struct mempool_attr *attr, int min_nr)
{
	return mempool_init_attr(&pool, min_nr, scripted_alloc, scripted_free, &bk, attr);
}

START_TEST(attr_null_is_the_default)
{
	ck_assert_int_eq(init_with(NULL, 2), 0);
	ck_assert_uint_eq(bk.masks[0], GFP_KERNEL);
	ck_assert_uint_eq(bk.masks[1], GFP_KERNEL);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(attr_mask_0_means_gfp_kernel)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;

	attr.gfp_mask = 0;
	ck_assert_int_eq(init_with(&attr, 1), 0);
	ck_assert_uint_eq(bk.masks[0], GFP_KERNEL);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(attr_mask_is_handed_down)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;

	attr.gfp_mask = GFP_NOIO;
	attr.node = 3;
	ck_assert_int_eq(init_with(&attr, 1), 0);
	ck_assert_uint_eq(bk.masks[0], GFP_NOIO);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(attr_name_is_copied)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;
	char name[] = "records";

	attr.name = name;
	ck_assert_int_eq(init_with(&attr, 1), 0);
	memset(name, 'x', sizeof(name) - 1);
	ck_assert_str_eq(mempool_name(&pool), "records");
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(attr_name_is_made_up)
{
	mempool_t other;

	memset(&other, 0, sizeof(other));
	ck_assert_int_eq(init_with(NULL, 1), 0);
	ck_assert_int_eq(mempool_init(&other, 1, scripted_alloc, scripted_free, &bk), 0);
	ck_assert_uint_gt(strlen(mempool_name(&pool)), 0);
	ck_assert_uint_lt(strlen(mempool_name(&pool)), MEMPOOL_NAME_MAX);
	ck_assert_str_ne(mempool_name(&pool), "(uninitialized)");
	ck_assert_str_ne(mempool_name(&pool), mempool_name(&other));
	mempool_exit(&other);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(attr_longest_name_fits)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;
	char name[MEMPOOL_NAME_MAX];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	attr.name = name;
	ck_assert_int_eq(init_with(&attr, 1), 0);
	ck_assert_str_eq(mempool_name(&pool), name);
	scripted_exit(&pool, &bk);
}
END_TEST

static const size_t long_names[] = {MEMPOOL_NAME_MAX, MEMPOOL_NAME_MAX + 1, 4000};

START_TEST(attr_too_long_name_is_refused)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;
	static const mempool_t zeroed;
	static char name[4096];

	memset(name, 'n', long_names[_i]);
	attr.name = name;
	ck_assert_int_eq(init_with(&attr, 1), -ENAMETOOLONG);
	ck_assert_int_eq(memcmp(&pool, &zeroed, sizeof(pool)), 0);
	ck_assert_int_eq(bk.calls, 0);
	errno = 0;
	ck_assert_ptr_null(mempool_create_attr(1, scripted_alloc, scripted_free, &bk, &attr));
	ck_assert_int_eq(errno, ENAMETOOLONG);
	ck_assert_int_eq(bk.calls, 0);
	/* The header does not say whether it is reported, too. */
	while (reports_pending())
		expect_report(MEMPOOL_REPORT_BUG, "name");
}
END_TEST

START_TEST(attr_size_0_is_refused)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;

	attr.size = 0;
	ck_assert_int_eq(init_with(&attr, 1), -EINVAL);
	expect_report(MEMPOOL_REPORT_BUG, "");
	ck_assert_int_eq(bk.calls, 0);
	ck_assert(!mempool_initialized(&pool));
}
END_TEST

START_TEST(attr_create_reports_its_error)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;
	mempool_t *p;

	scripted_set(&bk, "a-", false);
	errno = 0;
	ck_assert_ptr_null(mempool_create_attr(2, scripted_alloc, scripted_free, &bk, &attr));
	ck_assert_int_eq(errno, ENOMEM);
	attr.name = "created";
	p = mempool_create_attr(2, scripted_alloc, scripted_free, &bk, &attr);
	ck_assert_ptr_nonnull(p);
	ck_assert_str_eq(mempool_name(p), "created");
	mempool_destroy(p);
	ck_assert_int_eq(bk.live, 0);
}
END_TEST

START_TEST(init_of_an_initialised_pool_is_ebusy)
{
	void *element;

	scripted_pool(&pool, &bk, 2);
	ck_assert_int_eq(mempool_init(&pool, 4, scripted_alloc, scripted_free, &bk), -EBUSY);
	ck_assert(has_address(expect_report(MEMPOOL_REPORT_BUG, "initialised already"), &pool));
	ck_assert_int_eq(bk.calls, 0);

	/* The pool goes on as it was. */
	ck_assert_int_eq(pool.min_nr, 2);
	ck_assert_int_eq(mempool_curr_nr(&pool), 2);
	element = mempool_alloc_preallocated(&pool);
	ck_assert_ptr_eq(element, bk.slots[1]);
	mempool_free(element, &pool);
	scripted_exit(&pool, &bk);
}
END_TEST

START_TEST(name_of_a_zeroed_pool)
{
	ck_assert_str_eq(mempool_name(&pool), "(uninitialized)");
	ck_assert_int_eq(mempool_curr_nr(&pool), 0);
}
END_TEST

START_TEST(attr_chooses_the_store)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;

	ck_assert_uint_eq(attr.store, MEMPOOL_STORE_SPREAD);
	for (attr.store = 0; attr.store <= MEMPOOL_STORE_LOCKED; attr.store++) {
		ck_assert_int_eq(init_with(&attr, 3), 0);
		ck_assert_int_eq(mempool_curr_nr(&pool), 3);
		mempool_exit(&pool);
	}
	ck_assert_int_eq(init_with(&attr, 3), -EINVAL);
	expect_some_report("store");
	attr.store = MEMPOOL_STORE_LOCKED;
	attr.eventfd = 2;
	ck_assert_int_eq(init_with(&attr, 3), -EINVAL);
	expect_some_report("eventfd");
	/* One of the size that the structure had before: the default. */
	attr.size = offsetof(struct mempool_attr, store);
	ck_assert_int_eq(init_with(&attr, 3), 0);
	mempool_exit(&pool);
}
END_TEST

static int unmarked_left = 2;

/* After two elements, one that is no address of a process. */
static void *marked_alloc(gfp_t gfp_mask, void *pool_data)
{
	if (unmarked_left-- > 0)
		return scripted_alloc(gfp_mask, pool_data);
#ifdef __aarch64__
	return (void *)(UINT64_C(1) << 55 | 0x1230);
#else
	return (void *)(UINT64_C(1) << 63 | 0x1230);
#endif
}

static int marked_freed;

static void marked_free(void *element, void *pool_data)
{
	if ((uintptr_t)element >= UINT64_C(1) << 55)
		marked_freed++;
	else
		scripted_free(element, pool_data);
}

START_TEST(attr_elements_that_the_spread_store_cannot_hold)
{
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;

	ck_assert_int_eq(mempool_init_attr(&pool, 3, marked_alloc, marked_free, &bk, &attr), -EINVAL);
	expect_some_report("MEMPOOL_STORE_LOCKED");
	ck_assert(!mempool_initialized(&pool));
	ck_assert_int_eq(marked_freed, 1);
	ck_assert_int_eq(bk.frees, 2);
	unmarked_left = 2;
	attr.store = MEMPOOL_STORE_LOCKED;
	ck_assert_int_eq(mempool_init_attr(&pool, 3, marked_alloc, marked_free, &bk, &attr), 0);
	mempool_exit(&pool);
	ck_assert_int_eq(marked_freed, 2);
}
END_TEST

TCase *attr_tests(void)
{
	TCase *tc = new_case("attr");

	tcase_add_test(tc, attr_null_is_the_default);
	tcase_add_test(tc, attr_mask_0_means_gfp_kernel);
	tcase_add_test(tc, attr_mask_is_handed_down);
	tcase_add_test(tc, attr_name_is_copied);
	tcase_add_test(tc, attr_name_is_made_up);
	tcase_add_test(tc, attr_longest_name_fits);
	tcase_add_loop_test(tc, attr_too_long_name_is_refused, 0, LENGTH(long_names));
	tcase_add_test(tc, attr_size_0_is_refused);
	tcase_add_test(tc, attr_chooses_the_store);
	tcase_add_test(tc, attr_elements_that_the_spread_store_cannot_hold);
	tcase_add_test(tc, attr_create_reports_its_error);
	tcase_add_test(tc, init_of_an_initialised_pool_is_ebusy);
	tcase_add_test(tc, name_of_a_zeroed_pool);
	return tc;
}
