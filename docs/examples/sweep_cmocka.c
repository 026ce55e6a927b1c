// SPDX-License-Identifier: MIT
/* sweep_cmocka.c - the same with cmocka, and with a pool. cc ... -lcmocka; see fault-test(3). */
#include "records.h"

#include <mempool/mempool.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <mempool/fault-test.h> /* behind cmocka.h: it fails by its means */

static struct mempool_fault_sweep sweep;

static void records_survive_each_failure(void **state)
{
	(void)state;
	MEMPOOL_FAULT_SWEEP(&sweep)
	{
		struct records list = {0};

		for (int i = 0; i < 10; i++)
			mempool_fault_sweep_ok(&sweep, records_add(&list, "a record"));
		MEMPOOL_FAULT_AFTER(&sweep) /* a second block, in which nothing fails */
		{
			const size_t before = list.count;

			MEMPOOL_FAULT_CHECK(&sweep, records_add(&list, "again") && list.count == before + 1);
		}
		records_clear(&list);
	}
	assert_true(sweep.single >= 13);
}

/* What the pool is for: its callers see no failure, and its reserve is full again afterwards. */
static void a_pool_hides_each_failure(void **state)
{
	mempool_t *pool = mempool_create_kmalloc_pool(2, 64);

	(void)state;
	assert_non_null(pool);
	MEMPOOL_FAULT_SWEEP(&sweep)
	{
		void *first = mempool_alloc(pool, GFP_KERNEL), *second = mempool_alloc(pool, GFP_KERNEL);

		MEMPOOL_FAULT_CHECK(&sweep, first != NULL && second != NULL);
		mempool_free(first, pool);
		mempool_free(second, pool);
	}
	assert_true(sweep.single >= 2);
	mempool_destroy(pool);
}

static int begin(void **state)
{
	(void)state;
	memset(&sweep, 0, sizeof(sweep));
	return 0;
}

/* A test that fails by an assertion of cmocka's own in the block leaves it at once: nothing may fail in the next one.
 */
static int end(void **state)
{
	(void)state;
	mempool_fault_sweep_stop(&sweep);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(records_survive_each_failure, begin, end),
		cmocka_unit_test_setup_teardown(a_pool_hides_each_failure, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
