// SPDX-License-Identifier: MIT
//
// test_preload_tree.cpp - libmempool-preload.so in trees of processes and in
// threads; what its filters let through; and pages that it must not take.
#include "preload_run.hpp"

#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::preload;
using namespace mp::test;

namespace {

void skip_without_library()
{
	if (preload_build().empty())
		skip();
}

template <size_t Room> void put(char (&field)[Room], const std::string &text)
{
	assert_true(text.size() < Room);
	memcpy(field, text.c_str(), text.size() + 1);
}

caller_filter &add_filter(preload_page &page, bool reject)
{
	caller_filter &added = page->orders.filters[page->orders.filters_used++];
	added.reject = reject ? 1 : 0;
	return added;
}

void a_forked_child_counts_for_itself(void **)
{
	skip_without_library();
	preload_page page;
	page->orders.after_main = 1;
	const preload_outcome outcome = run_preloaded(calls({"forks"}), page.path());
	assert_int_equal(outcome.lines("child: 0, parent: 0"), 1);
	assert_int_equal(page->attached, 1);
	assert_int_equal(page->answers.processes.used(), 2);
	assert_int_equal(page.process(1).candidates, 4);
	assert_int_equal(page.process(2).candidates, 2);
	assert_int_equal(page.process(2).parent, 1);
	assert_int_equal(page.process(2).origin, origin_kind::fork);
	assert_int_equal(page.process(2).exited, exit_at_once);
	assert_int_equal(page.process(1).exited, exit_by_exit);
	assert_int_equal(page.process(1).forks, 1);
}

void only_the_process_that_is_meant_fails(void **)
{
	skip_without_library();
	preload_page page;
	page->orders.after_main = 1;
	page->orders.trigger = trigger_kind::nth;
	page->orders.n = 2;
	page->orders.process = 2;
	assert_int_equal(run_preloaded(calls({"forks"}), page.path()).lines("child: 1, parent: 0"), 1);
	assert_int_equal(page.process(1).failed, 0);
	assert_int_equal(page->answers.failures.at[0].process, 2);
}

void forks_among_threads_leave_no_lock_taken(void **)
{
	skip_without_library();
	preload_page page;
	page->orders.watch_heap = 1;
	assert_int_equal(run_preloaded(calls({"fork-storm"}), page.path()).lines("children: 100"), 1);
	assert_int_equal(page->answers.processes.counted, 101);
	assert_int_equal(page->answers.misuses.counted, 0);
}

void an_exec_begins_another_process(void **)
{
	skip_without_library();
	preload_page page;
	assert_true(run_preloaded(calls({"kept", "exec", "each", "exit=4"}), page.path()).exited(4));
	assert_int_equal(page->attached, 2);
	assert_int_equal(page->answers.processes.used(), 2);
	assert_int_equal(page.process(1).exited, exit_by_exec);
	assert_int_equal(page.process(2).parent, 1);
	assert_int_equal(page.process(2).pid, page.process(1).pid);
	assert_int_equal(page.process(2).status, 4);
	assert_true(text(page.process(2).executable).ends_with("/calls"));
	preload_page shell;
	const std::string command = "'" + calls({})[0] + "' _exit=0; '" + calls({})[0] + "' each; exit 3";
	assert_true(run_preloaded({"/bin/sh", "-c", command}, shell.path()).exited(3));
	assert_true(shell->attached == 3); // the shell and its two children
}

void threads_are_named_by_their_creation(void **)
{
	skip_without_library();
	preload_page page;
	page->orders.size_min = 1000;
	put(page->orders.thread, "main.3");
	page->orders.trigger = trigger_kind::nth;
	page->orders.n = 5;
	page->orders.then = aftermath::all;
	const preload_outcome outcome = run_preloaded(calls({"threads"}), page.path());
	assert_int_equal(outcome.lines("failures: 0 0 16 0"), 1);
	assert_int_equal(page.process(1).candidates, 20);
	assert_int_equal(page.process(1).threads, 5);
	assert_int_equal(page->answers.threads.used(), 5);
	const uint32_t thread = page->answers.failures.at[0].thread;
	assert_string_equal(page->answers.threads.at[thread - 1].path, "main.3");
}

void filters_choose_candidates(void **)
{
	skip_without_library();
	{
		preload_page page; // one before main()
		assert_true(run_preloaded(calls({"each"}), page.path()).exited(0));
		assert_int_equal(page.process(1).candidates, 10);
	}
	{
		preload_page page;
		page->orders.size_min = 120;
		page->orders.size_max = 4096;
		assert_true(run_preloaded(calls({"each"}), page.path()).exited(0));
		assert_int_equal(page.process(1).candidates, 3); // 128 bytes each; the page of pvalloc() asked for 100
	}
	{
		preload_page page;
		put(page->orders.executable, "another*");
		assert_true(run_preloaded(calls({"each"}), page.path()).exited(0));
		assert_int_equal(page.process(1).candidates, 0);
	}
	{
		preload_page page;
		put(page->orders.executable, "cal*");
		page->orders.calls = bit(call_kind::valloc);
		assert_true(run_preloaded(calls({"each"}), page.path()).exited(0));
		assert_int_equal(page.process(1).candidates, 1);
	}
}

uint64_t candidates_with(const std::vector<std::pair<bool, caller_filter>> &filters, uint32_t depth)
{
	preload_page page;
	for (const auto &[reject, filter] : filters) {
		caller_filter &added = add_filter(page, reject);
		put(added.module, filter.module);
		put(added.function, filter.function);
	}
	page->orders.filter_depth = depth;
	assert_true(run_preloaded(calls({"each", "by-libc"}), page.path()).exited(0));
	return page.process(1).candidates;
}

caller_filter of(const std::string &module, const std::string &function)
{
	caller_filter filter = {};
	put(filter.module, module);
	put(filter.function, function);
	return filter;
}

void filters_look_at_callers(void **)
{
	skip_without_library();
	const uint64_t all = candidates_with({}, 32);
	const uint64_t by_libc = candidates_with({{false, of("libc.so*", "")}}, 1);
	assert_true(by_libc >= 4 && by_libc < all);
	assert_int_equal(candidates_with({{true, of("libc.so*", "")}}, 1), 10); // each() and the constructor
	// Static functions are in the file's symbol table alone.
	assert_int_equal(candidates_with({{false, of("calls", "each")}}, 1), 9);
	assert_int_equal(candidates_with({{false, of("", "constru*")}}, 1), 1);
	assert_int_equal(candidates_with({{false, of("", "by_libc")}}, 32), by_libc);
	assert_int_equal(candidates_with({{false, of("", "by_libc")}}, 1), 0);
	assert_int_equal(candidates_with({{false, of("calls", "")}, {true, of("", "each")}}, 32), all - 9);
	assert_int_equal(candidates_with({{false, of("gone", "")}}, 32), 0);
}

std::string find_library(const std::string &name)
{
	for (const char *folder :
	     {"/usr/lib/x86_64-linux-gnu/", "/usr/lib/aarch64-linux-gnu/", "/usr/lib64/", "/usr/lib/"})
		if (access((folder + name).c_str(), R_OK) == 0)
			return folder + name;
	return "";
}

void another_allocator_may_be_behind(void **)
{
	skip_without_library();
	unsigned found = 0;
	for (const char *name : {"libjemalloc.so.2", "libtcmalloc_minimal.so.4"}) {
		const std::string path = find_library(name);
		if (path.empty())
			continue;
		found++;
		preload_page page;
		page->orders.trigger = trigger_kind::nth;
		page->orders.n = 1;
		page->orders.size_min = 1 << 20; // the realloc()
		page->orders.watch_heap = 1;
		page->orders.leak_check = 1;
		page->orders.record_stacks = 1;
		const preload_outcome outcome =
			run_preloaded(calls({"kept", "threads", "forks", "fork-storm"}), page.path(), path);
		assert_true(outcome.exited(0));
		assert_int_equal(outcome.lines("realloc: ENOMEM"), 1);
		assert_int_equal(outcome.lines("100 bytes kept"), 1);
		assert_int_equal(outcome.lines("children: 100"), 1);
		assert_int_equal(page->answers.misuses.counted, 0);
		assert_int_equal(page->answers.crashes.counted, 0);
	}
	if (found == 0)
		skip();
}

/// The program runs unharmed, and the library says why it does nothing.
void check_refused(const std::string &path, const std::string &why)
{
	const preload_outcome outcome = run_preloaded(calls({"each"}), path);
	assert_true(outcome.exited(0));
	assert_int_equal(outcome.lines("malloc: done"), 1);
	assert_true(outcome.err.find("libmempool-preload: MEMPOOL_FAIL_PAGE=" + path) != std::string::npos);
	if (outcome.err.find(why) == std::string::npos)
		fail_msg("said: %s", outcome.err.c_str());
}

void wrong_pages_are_refused(void **)
{
	skip_without_library();
	preload_page page;
	page->orders.trigger = trigger_kind::nth;
	page->orders.n = 1;
	page->orders.then = aftermath::all;
	check_refused("relative", "is not an absolute path");
	check_refused(page.path() + "-gone", "does not exist");
	check_refused("/dev/null", "is not a file");
	page->version++;
	check_refused(page.path(), "is of another version");
	page->version--;
	page->magic++;
	check_refused(page.path(), "is not a page of mempool fail");
	page->magic--;
	page->size_bytes++;
	check_refused(page.path(), "is of another version");
	page->size_bytes--;
	assert_int_equal(chmod(page.path().c_str(), 0640), 0);
	check_refused(page.path(), "is not this user's alone");
	assert_int_equal(chmod(page.path().c_str(), 0600), 0);
	const std::string link = page.path() + "-link";
	assert_int_equal(symlink(page.path().c_str(), link.c_str()), 0);
	check_refused(link, "is a symbolic link");
	assert_int_equal(unlink(link.c_str()), 0);
	assert_int_equal(page->attached, 0);
	// Last, as our own view of it ends there, too.
	assert_int_equal(truncate(page.path().c_str(), 4096), 0);
	check_refused(page.path(), "has another size");
	assert_int_equal(truncate(page.path().c_str(), sizeof(preload::page)), 0);
}

void without_a_page_it_does_nothing(void **)
{
	skip_without_library();
	const preload_outcome outcome = run_preloaded(calls({"each", "threads", "forks", "exit=6"}), "");
	assert_true(outcome.exited(6));
	assert_string_equal(outcome.err.c_str(), "");
	assert_int_equal(outcome.lines("pvalloc: done"), 1);
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(a_forked_child_counts_for_itself),
		cmocka_unit_test(only_the_process_that_is_meant_fails),
		cmocka_unit_test(forks_among_threads_leave_no_lock_taken),
		cmocka_unit_test(an_exec_begins_another_process),
		cmocka_unit_test(threads_are_named_by_their_creation),
		cmocka_unit_test(filters_choose_candidates),
		cmocka_unit_test(filters_look_at_callers),
		cmocka_unit_test(another_allocator_may_be_behind),
		cmocka_unit_test(wrong_pages_are_refused),
		cmocka_unit_test(without_a_page_it_does_nothing),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
