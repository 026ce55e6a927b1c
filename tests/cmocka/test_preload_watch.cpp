// SPDX-License-Identifier: MIT
//
// test_preload_watch.cpp - what libmempool-preload.so records: crashes with their
// stacks and true exit status, wrong frees, leaks at exit.
#include "preload_run.hpp"

#include <csignal>
#include <string>

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

void check_crash(const std::string &deed, int signal, const char *thread_path)
{
	preload_page page;
	assert_true(run_preloaded(calls({deed}), page.path()).died_of(signal));
	assert_int_equal(page->answers.crashes.used(), 1);
	const crash_record &crash = page->answers.crashes.at[0];
	assert_true(bool(crash.ready));
	assert_int_equal(crash.signal, signal);
	assert_int_equal(crash.handled, 0);
	assert_true(has_module(page, crash.stack, "calls"));
	assert_true(crash.stack.hash != 0);
	assert_string_equal(page->answers.threads.at[crash.thread - 1].path, thread_path);
	assert_int_equal(page.process(1).exited, 0);
}

void a_crash_is_recorded_and_is_one(void **)
{
	skip_without_library();
	check_crash("crash", SIGSEGV, "main");
	check_crash("crash-in-thread", SIGSEGV, "main.1");
	check_crash("abort", SIGABRT, "main");
	preload_page page;
	assert_true(run_preloaded(calls({"crash"}), page.path()).died_of(SIGSEGV));
	const crash_record &crash = page->answers.crashes.at[0];
	assert_int_equal(crash.address, 16);
	assert_int_equal(crash.code, SEGV_MAPERR);
	assert_true(module_of(crash.stack.frames[0]) < max_modules);
	const module_record &at = page->answers.modules.at[module_of(crash.stack.frames[0])];
	assert_true(text(at.path).ends_with("/calls")); // where it struck, not our handler
}

void an_overflow_of_the_stack_is_recorded(void **)
{
	skip_without_library();
	check_crash("overflow", SIGSEGV, "main");
	check_crash("overflow-in-thread", SIGSEGV, "main.1");
}

void the_programs_own_handlers_run(void **)
{
	skip_without_library();
	{
		preload_page page;
		const preload_outcome outcome = run_preloaded(calls({"own-handler"}), page.path());
		assert_true(outcome.exited(9));
		assert_int_equal(outcome.lines("before: default"), 1);
		assert_int_equal(outcome.lines("now: own"), 1);
		assert_int_equal(outcome.lines("own handler: 11 at 0x10, with context"), 1);
		assert_int_equal(page->answers.crashes.at[0].handled, 1);
		assert_int_equal(page.process(1).exited, exit_at_once);
		assert_int_equal(page.process(1).status, 9);
	}
	preload_page page;
	const preload_outcome outcome = run_preloaded(calls({"own-signal"}), page.path());
	assert_true(outcome.died_of(SIGABRT));
	assert_int_equal(outcome.lines("before: default"), 1);
	assert_int_equal(outcome.lines("own handler: 6"), 1);
	assert_int_equal(page->answers.crashes.at[0].handled, 1);
}

void without_the_switch_no_crash_is_recorded(void **)
{
	skip_without_library();
	preload_page page;
	page->orders.catch_crashes = 0;
	assert_true(run_preloaded(calls({"crash"}), page.path()).died_of(SIGSEGV));
	assert_int_equal(page->answers.crashes.counted, 0);
}

/// All allocations fail, so that libc is not in the middle of one when the handler makes another.
void signal_handlers_may_allocate(void **)
{
	skip_without_library();
	preload_page page;
	page->orders.trigger = trigger_kind::nth;
	page->orders.n = 1;
	page->orders.then = aftermath::all;
	page->orders.record_stacks = 1;
	page->orders.after_main = 1;
	const preload_outcome outcome = run_preloaded(calls({"allocating-handler"}), page.path());
	assert_true(outcome.exited(0));
	assert_int_equal(outcome.lines("ticked"), 1);
	assert_int_equal(page.process(1).candidates, page.process(1).failed);
}

void a_double_free_is_recorded_with_its_stacks(void **)
{
	skip_without_library();
	preload_page page;
	page->orders.watch_heap = 1;
	page->orders.record_stacks = 1;
	const preload_outcome outcome = run_preloaded(calls({"double-free", "each"}), page.path());
	assert_true(outcome.exited(0)); // it went no further than to us
	assert_int_equal(outcome.lines("went on"), 1);
	assert_int_equal(page->answers.misuses.used(), 1);
	const misuse_record &misuse = page->answers.misuses.at[0];
	assert_int_equal(misuse.kind, misuse_kind::double_free);
	assert_int_equal(misuse.size, 40);
	for (const stack_trace *stack : {&misuse.stack, &misuse.allocated, &misuse.freed})
		assert_true(has_module(page, *stack, "calls"));
	assert_true(misuse.stack.hash != misuse.freed.hash);
}

void other_wrong_frees_are_recorded(void **)
{
	skip_without_library();
	{
		preload_page page;
		page->orders.watch_heap = 1;
		assert_true(run_preloaded(calls({"foreign-free"}), page.path()).died_of(SIGABRT)); // by libc
		assert_int_equal(page->answers.misuses.at[0].kind, misuse_kind::foreign_free);
		assert_int_equal(page->answers.misuses.at[0].size, 0);
	}
	preload_page page;
	page->orders.watch_heap = 1;
	assert_int_equal(run_preloaded(calls({"realloc-freed"}), page.path()).lines("refused"), 1);
	assert_int_equal(page->answers.misuses.at[0].kind, misuse_kind::realloc_freed);
}

void what_is_freed_rightly_is_no_misuse(void **)
{
	skip_without_library();
	preload_page page;
	page->orders.watch_heap = 1;
	const preload_outcome outcome =
		run_preloaded(calls({"each", "by-libc", "kept", "too-much", "threads", "forks"}), page.path());
	assert_true(outcome.exited(0));
	assert_int_equal(outcome.lines("realloc: ENOMEM"), 1); // by the allocator; the block is still there to be freed
	assert_int_equal(page->answers.misuses.counted, 0);
}

void blocks_from_before_the_orders_are_known(void **)
{
	skip_without_library();
	{
		preload_page page;
		page->orders.watch_heap = 1;
		const preload_outcome outcome = run_preloaded(calls({"early"}), page.path());
		assert_true(outcome.exited(0));
		assert_int_equal(outcome.lines("early realloc: ENOMEM"), 1); // by the allocator; it is still there
		assert_int_equal(page->answers.misuses.counted, 0);
		assert_int_equal(page.process(1).blind, 0);
	}
	// The block is not known any more when it is freed for the second time.
	preload_page page;
	page->orders.watch_heap = 1;
	run_preloaded(calls({"early", "early"}), page.path());
	assert_int_equal(page->answers.misuses.at[0].kind, misuse_kind::realloc_foreign);
}

void what_is_not_seen_is_told(void **)
{
	skip_without_library();
	for (const uint32_t watch : {0U, 1U}) {
		preload_page page;
		page->orders.watch_heap = watch;
		page->orders.leak_check = 1;
		assert_true(run_preloaded(calls({"many-early", "each", "forks"}), page.path()).exited(0));
		assert_int_equal(page->answers.misuses.counted, 0);
		assert_true(page->answers.processes.used() > 1);
		for (size_t i = 1; i <= page->answers.processes.used(); i++)
			assert_int_equal(page.process(i).blind, watch);
	}
}

void leaks_are_what_nothing_points_to(void **)
{
	skip_without_library();
	preload_page page;
	page->orders.leak_check = 1;
	page->orders.record_stacks = 1;
	assert_true(run_preloaded(calls({"leaks"}), page.path()).exited(0));
	const process_record &process = page.process(1);
	assert_int_equal(process.leaks_checked, 1);
	assert_int_equal(process.lost_blocks, 3);
	assert_int_equal(process.lost_bytes, 4600);
	assert_int_equal(process.live_blocks, 14); // with a list of ten, and a block known by its middle
	assert_int_equal(page->answers.leaks.used(), 2);
	uint64_t of_two = 0;
	for (size_t i = 0; i < 2; i++) {
		const leak_record &leak = page->answers.leaks.at[i];
		assert_true(has_module(page, leak.stack, "calls"));
		of_two += leak.blocks == 2 && leak.bytes == 600 ? 1 : 0;
	}
	assert_int_equal(of_two, 1);
	for (const char *how : {"exit=1", "_exit=1"}) {
		preload_page other;
		other->orders.leak_check = 1;
		assert_true(run_preloaded(calls({"leaks", how}), other.path()).exited(1));
		assert_int_equal(other.process(1).leaks_checked, how[0] == 'e'); // _exit() runs no handlers
		assert_int_equal(other.process(1).lost_blocks, how[0] == 'e' ? 3 : 0);
	}
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(a_crash_is_recorded_and_is_one),
		cmocka_unit_test(an_overflow_of_the_stack_is_recorded),
		cmocka_unit_test(the_programs_own_handlers_run),
		cmocka_unit_test(without_the_switch_no_crash_is_recorded),
		cmocka_unit_test(signal_handlers_may_allocate),
		cmocka_unit_test(a_double_free_is_recorded_with_its_stacks),
		cmocka_unit_test(other_wrong_frees_are_recorded),
		cmocka_unit_test(what_is_freed_rightly_is_no_misuse),
		cmocka_unit_test(blocks_from_before_the_orders_are_known),
		cmocka_unit_test(what_is_not_seen_is_told),
		cmocka_unit_test(leaks_are_what_nothing_points_to),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
