// SPDX-License-Identifier: MIT
/* sweep_check.c - each allocation of a piece of code fails once: a test with Check. cc ... -lcheck; see fault-test(3).
 */
#include "records.h"

#include <check.h>
#include <mempool/fault-test.h> /* behind check.h: it fails by its means */
#include <stdlib.h>
#include <string.h>

/* Called after each failure, with nothing failing: is a list good for anything still? */
static bool a_record_can_be_kept(void *arg)
{
	struct records list = {0};
	bool kept = records_add(&list, "again") && strcmp(list.texts[0], "again") == 0;

	(void)arg;
	records_clear(&list);
	return kept;
}

START_TEST(records_survive_each_failure)
{
	struct mempool_fault_sweep sweep = MEMPOOL_FAULT_SWEEP_INIT;

	sweep.again = a_record_can_be_kept;
	MEMPOOL_FAULT_SWEEP(&sweep)
	{
		struct records list = {0};

		for (int i = 0; i < 10; i++) {
			const size_t before = list.count;

			if (!mempool_fault_sweep_ok(&sweep, records_add(&list, "a record")))
				MEMPOOL_FAULT_CHECK(&sweep, list.count == before);
		}
		records_clear(&list);
	}
	/* 10 copies and an array that grows 3 times: if there were fewer, the test would not see them all. */
	ck_assert_uint_ge(sweep.single, 13);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("records");
	TCase *tc = tcase_create("faults");
	SRunner *runner;
	int failed;

	tcase_add_test(tc, records_survive_each_failure);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
