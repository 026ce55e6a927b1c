// SPDX-License-Identifier: MIT
/*
 * main.c - the behaviour suite: the public ABI against PARITY.md, each test in a process of its own.
 *
 * CK_RUN_CASE=name runs one case, CK_VERBOSITY=verbose names each test. MEMPOOL_SANITIZER (asan, ubsan, tsan,
 * valgrind) says under what the suite runs: fewer rounds, longer deadlines.
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static TCase *(*const cases[])(void) = {
	life_tests,
	ending_tests,
	attr_tests,
	alloc_tests,
	sleep_tests,
	wake_tests,
	timeout_tests,
	context_tests,
	handler_tests,
	free_tests,
	bulk_tests,
	resize_tests,
	backings_tests,
	exhaust_tests,
	slab_tests,
	slab_debug_tests,
	kmalloc_tests,
	pages_tests,
	flags_tests,
	debug_tests,
	poison_tests,
	track_tests,
	stats_tests,
	walk_tests,
	fork_tests,
	threads_tests,
	eventfd_tests,
	pressure_tests,
	rcu_tests,
	typesafe_tests,
	limits_tests,
	shrinker_tests,
	residency_tests,
	prefork_tests,
	residency_limits_tests,
	certificate_tests,
	explain_tests,
	deadlock_tests,
	deadlock_random_tests,
	fault_tests,
	fault_point_tests,
	fault_setting_tests,
	fault_control_tests,
	publish_tests,
	publish_reader_tests,
	sweep_tests,
	sweep_catches_tests,
	trace_tests,
	trace_file_tests,
	trace_threads_tests,
};

int main(int argc, char **argv)
{
	SRunner *runner;
	Suite *suite;
	ssize_t length;
	int failed;

	if (argc == 3 && strcmp(argv[1], "--child") == 0)
		return child_main(argv[2]);
	length = readlink("/proc/self/exe", program_path, sizeof(program_path) - 1);
	if (length < 0)
		return EXIT_FAILURE;
	program_path[length] = 0;

	/* Tests choose their debug options themselves; the library may have read these when it was loaded. */
	if (getenv("MEMPOOL_DEBUG")) {
		unsetenv("MEMPOOL_DEBUG");
		execv(program_path, argv);
		return EXIT_FAILURE;
	}
	on_one_cpu();
	suite = suite_create("check");
	for (int i = 0; i < LENGTH(cases); i++)
		suite_add_tcase(suite, cases[i]());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
