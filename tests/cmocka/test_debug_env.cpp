// SPDX-License-Identifier: MIT
//
// test_debug_env.cpp - MEMPOOL_DEBUG is read once a process: so this program
// starts itself again with each setting, and listens to what it says.
#include "support.hpp"

#include "mempool/mempool-debug.h"
#include "mempool/watch/debug.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unistd.h>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::test;

namespace {

/// What a process with this setting said and how it ended.
struct answer {
	int status = -1;
	unsigned flags = ~0U;
	unsigned long reports = ~0UL;
	std::string text;
};

/// What the process says when it is started with a task.
int say(const char *task)
{
	if (strcmp(task, "set first") == 0)
		mempool_debug_set(MEMPOOL_DEBUG_SLEEP);
	const unsigned flags = mempool_debug_get();
	if (strcmp(task, "make a mistake") == 0)
		non_block_end();
	printf("flags=%u reports=%lu\n", flags, mempool_report_count());
	fflush(stdout);
	return 0;
}

answer ask(const char *setting, const char *task = "say")
{
	answer a;
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	const pid_t child = start_child();
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		if (setting != nullptr)
			setenv("MEMPOOL_DEBUG", setting, 1);
		else
			unsetenv("MEMPOOL_DEBUG");
		execl("/proc/self/exe", "test_debug_env", task, nullptr);
		_exit(99);
	}
	close(ends[1]);
	char part[512];
	ssize_t got = 0;
	while ((got = read(ends[0], part, sizeof(part))) > 0)
		a.text.append(part, static_cast<size_t>(got));
	close(ends[0]);
	a.status = wait_for_child(child);
	const size_t at = a.text.find("flags=");
	if (at != std::string::npos)
		sscanf(a.text.c_str() + at, "flags=%u reports=%lu", &a.flags, &a.reports);
	return a;
}

bool says(const answer &a, const char *part)
{
	return a.text.find(part) != std::string::npos;
}

void settings_are_sets_of_names(void **)
{
	const struct {
		const char *setting;
		unsigned flags;
	} cases[] = {
		{nullptr, 0},
		{"", 0},
		{"poison", MEMPOOL_DEBUG_POISON},
		{"redzone", MEMPOOL_DEBUG_REDZONE},
		{"user", MEMPOOL_DEBUG_USER},
		{"track", MEMPOOL_DEBUG_TRACK},
		{"sleep", MEMPOOL_DEBUG_SLEEP},
		{"checks", MEMPOOL_DEBUG_CHECKS},
		{"panic", MEMPOOL_DEBUG_PANIC},
		{"all", MEMPOOL_DEBUG_ALL},
		{"all,panic", MEMPOOL_DEBUG_ALL | MEMPOOL_DEBUG_PANIC},
		{"poison,track", MEMPOOL_DEBUG_POISON | MEMPOOL_DEBUG_TRACK},
		{"track,poison,track", MEMPOOL_DEBUG_POISON | MEMPOOL_DEBUG_TRACK},
		{",,user,", MEMPOOL_DEBUG_USER},
		{"deadlock", MEMPOOL_DEBUG_DEADLOCK},
		{"deadlock-abort", MEMPOOL_DEBUG_DEADLOCK | MEMPOOL_DEBUG_DEADLOCK_ABORT},
	};
	for (const auto &c : cases) {
		const answer a = ask(c.setting);
		if (a.status != 0 || a.flags != c.flags || a.reports != 0)
			fail_msg("MEMPOOL_DEBUG=%s: exit status %d, %s", c.setting, a.status, a.text.c_str());
	}
}

void an_unknown_name_is_reported_and_all_refused(void **)
{
	const struct {
		const char *setting;
		const char *complaint;
	} cases[] = {
		{"poison,bogus,track", "unknown option 'bogus' at byte 7 of 'poison,bogus,track'"},
		{"Poison", "unknown option 'Poison' at byte 0"},
		{"poisonous", "unknown option 'poisonous' at byte 0"},
		{"poiso", "unknown option 'poiso' at byte 0"},
		{"poison, track", "unknown option ' track' at byte 7"},
		{"1", "unknown option '1' at byte 0"},
	};
	for (const auto &c : cases) {
		const answer a = ask(c.setting);
		if (a.status != 0 || a.flags != 0 || a.reports != 1 || !says(a, c.complaint))
			fail_msg("MEMPOOL_DEBUG=%s: exit status %d, %s", c.setting, a.status, a.text.c_str());
	}
}

void a_call_overrules_the_environment(void **)
{
	const answer a = ask("poison", "set first");
	assert_int_equal(a.flags, MEMPOOL_DEBUG_SLEEP);
}

void panic_aborts_after_the_report(void **)
{
	answer a = ask(nullptr, "make a mistake");
	assert_int_equal(a.status, 0);
	assert_int_equal(a.reports, 1);
	a = ask("panic", "make a mistake");
	assert_int_equal(a.status, 128 + SIGABRT);
	assert_true(says(a, "non_block_end() without non_block_start()"));
}

void unknown_flags_are_refused(void **)
{
	catch_reports();
	assert_int_equal(mempool_debug_set(MEMPOOL_DEBUG_TRACK), 0);
	for (const unsigned bad : {0x200U, 0x400U, watch::non_block_seen, ~0U}) {
		assert_int_equal(mempool_debug_set(bad), -EINVAL);
		assert_int_equal(mempool_debug_get(), MEMPOOL_DEBUG_TRACK);
	}
	assert_int_equal(reports_caught(), 4);
	assert_int_equal(mempool_debug_set(0), 0);
	assert_int_equal(mempool_debug_get(), 0);
}

void what_was_seen_stays_seen(void **)
{
	assert_false(watch::watching());
	watch::watch_for(watch::tracker_seen);
	assert_true(watch::watching() && watch::debug_on(watch::tracker_seen));
	assert_int_equal(mempool_debug_get(), 0); // it is no flag of the user's
	mempool_debug_set(MEMPOOL_DEBUG_SLEEP);
	mempool_debug_set(0);
	assert_true(watch::debug_on(watch::tracker_seen));
	assert_false(watch::debug_on(MEMPOOL_DEBUG_SLEEP));
}

} // namespace

int main(int argc, char **argv)
{
	if (argc > 1)
		return say(argv[1]);
	unsetenv("MEMPOOL_DEBUG");
	const CMUnitTest tests[] = {
		cmocka_unit_test(settings_are_sets_of_names),
		cmocka_unit_test(an_unknown_name_is_reported_and_all_refused),
		cmocka_unit_test(a_call_overrules_the_environment),
		cmocka_unit_test(panic_aborts_after_the_report),
		cmocka_unit_test(unknown_flags_are_refused),
		cmocka_unit_test(what_was_seen_stays_seen),
	};
	return cmocka_run_group_tests_name("debug", tests, nullptr, nullptr);
}
