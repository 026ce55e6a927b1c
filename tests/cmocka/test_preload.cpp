// SPDX-License-Identifier: MIT
//
// test_preload.cpp - libmempool-preload.so: what fails when it is told to, and
// what does not. Each test runs tests/harness/subjects/calls under it.
#include "preload_run.hpp"

#include <algorithm>
#include <csignal>
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

/// One candidate of main() in what `deeds` does, by number.
preload_outcome run_nth(preload_page &page, uint64_t n, const std::vector<std::string> &deeds)
{
	page->orders.trigger = trigger_kind::nth;
	page->orders.n = n;
	page->orders.after_main = 1;
	return run_preloaded(calls(deeds), page.path());
}

/// Each of these lines fails when it is its turn, alone, with ENOMEM.
void check_each_fails(const std::vector<std::string> &deeds, const std::vector<std::string> &names,
		      const std::vector<call_kind> &kinds)
{
	for (size_t i = 0; i < names.size(); i++) {
		preload_page page;
		page->orders.calls |= mapping_calls;
		const preload_outcome outcome = run_nth(page, i + 1, deeds);
		assert_true(outcome.exited(0));
		for (size_t j = 0; j < names.size(); j++)
			assert_int_equal(outcome.lines(names[j] + (i == j ? ": ENOMEM" : ": done")), 1);
		assert_int_equal(page->answers.failures.used(), 1);
		const failure_record &failed = page->answers.failures.at[0];
		assert_true(bool(failed.ready));
		assert_int_equal(failed.n, i + 1);
		assert_int_equal(failed.call, kinds[i]);
		assert_int_equal(failed.process, 1);
		assert_true(has_module(page, failed.stack, "calls"));
		assert_int_equal(page.process(1).failed, 1);
	}
}

void each_function_fails_when_told(void **)
{
	skip_without_library();
	check_each_fails({"each"},
			 {"malloc", "calloc", "realloc", "reallocarray", "posix_memalign", "aligned_alloc", "memalign",
			  "valloc", "pvalloc"},
			 {call_kind::malloc, call_kind::calloc, call_kind::realloc, call_kind::reallocarray,
			  call_kind::posix_memalign, call_kind::aligned_alloc, call_kind::memalign, call_kind::valloc,
			  call_kind::pvalloc});
}

void what_libc_allocates_fails_too(void **)
{
	skip_without_library();
	for (const char *name : {"strdup", "strndup", "asprintf", "fopen"}) {
		// How many allocations each makes is libc's business: one of them fails it.
		bool failed = false;
		for (uint64_t n = 1; n <= 8 && !failed; n++) {
			preload_page page;
			failed = run_nth(page, n, {"by-libc"}).lines(std::string(name) + ": ENOMEM") == 1;
		}
		assert_true(failed);
	}
}

void mappings_fail_on_demand_only(void **)
{
	skip_without_library();
	{
		preload_page page;
		page->orders.calls = mapping_calls;
		const preload_outcome outcome = run_nth(page, 1, {"mappings"});
		assert_int_equal(outcome.lines("mmap: ENOMEM"), 1);
	}
	{
		preload_page page;
		page->orders.calls = mapping_calls;
		const preload_outcome outcome = run_nth(page, 2, {"mappings"});
		assert_int_equal(outcome.lines("mmap: done"), 1);
		assert_int_equal(outcome.lines("mremap: ENOMEM"), 1);
	}
	preload_page page;
	const preload_outcome outcome = run_nth(page, 1, {"mappings"});
	assert_int_equal(outcome.lines("mremap: done"), 1);
	assert_int_equal(page.process(1).candidates, 0);
}

void a_failed_realloc_keeps_its_block(void **)
{
	skip_without_library();
	for (const bool watched : {false, true}) {
		preload_page page;
		page->orders.watch_heap = watched ? 1 : 0;
		const preload_outcome outcome = run_nth(page, 2, {"kept"});
		assert_int_equal(outcome.lines("realloc: ENOMEM"), 1);
		assert_int_equal(outcome.lines("100 bytes kept"), 1);
		assert_int_equal(outcome.lines("errno 5"), 1); // calls that succeed leave it alone
		assert_int_equal(page->answers.misuses.used(), 0);
	}
}

void all_fail_from_the_nth_on(void **)
{
	skip_without_library();
	preload_page page;
	page->orders.then = aftermath::all;
	const preload_outcome outcome = run_nth(page, 3, {"each"});
	assert_int_equal(outcome.lines("calloc: done"), 1);
	for (const char *name :
	     {"realloc", "reallocarray", "posix_memalign", "aligned_alloc", "memalign", "valloc", "pvalloc"})
		assert_int_equal(outcome.lines(std::string(name) + ": ENOMEM"), 1);
	assert_int_equal(page.process(1).failed, 7);
}

void a_pair_fails(void **)
{
	skip_without_library();
	preload_page page;
	page->orders.then = aftermath::second;
	page->orders.second = 5;
	const preload_outcome outcome = run_nth(page, 2, {"each"});
	assert_int_equal(outcome.lines("calloc: ENOMEM"), 1);
	assert_int_equal(outcome.lines("posix_memalign: ENOMEM"), 1);
	assert_int_equal(page.process(1).failed, 2);
}

/// The hash of the stack whose first candidate was the n-th.
uint64_t hash_of(preload_page &shown, uint64_t n)
{
	for (const stack_entry &entry : shown->answers.stacks.at)
		if (entry.ready && entry.n == n)
			return entry.stack.hash;
	return 0;
}

void a_stack_fails_and_its_hash_lasts(void **)
{
	skip_without_library();
	uint64_t hashes[2] = {};
	for (uint64_t &hash : hashes) {
		preload_page page;
		page->orders.record_stacks = 1;
		page->orders.after_main = 1;
		assert_true(run_preloaded(calls({"each"}), page.path()).exited(0));
		assert_int_equal(page.process(1).candidates, 9);
		assert_int_equal(page->answers.stacks.counted, 9);
		assert_int_equal(page->answers.stacks_dropped, 0);
		hash = hash_of(page, 4);
	}
	assert_true(hashes[0] != 0);
	assert_true(hashes[0] == hashes[1]); // wherever the loader put things
	preload_page page;
	page->orders.trigger = trigger_kind::stack;
	page->orders.stack_hash = hashes[0];
	assert_int_equal(run_preloaded(calls({"each"}), page.path()).lines("reallocarray: ENOMEM"), 1);
	assert_int_equal(page.process(1).failed, 1);
}

void of_a_stack_the_kth_fails(void **)
{
	skip_without_library();
	uint64_t hash = 0;
	{
		preload_page page;
		page->orders.record_stacks = 1;
		page->orders.size_min = page->orders.size_max = 7000; // the seventh in each of four threads
		assert_true(run_preloaded(calls({"threads"}), page.path()).exited(0));
		assert_int_equal(page.process(1).candidates, 4);
		assert_int_equal(page->answers.stacks.counted, 1);
		// Whichever of the four threads was the first to note it.
		for (uint64_t n = 1; n <= 4 && hash == 0; n++)
			hash = hash_of(page, n);
		assert_true(hash != 0);
	}
	preload_page page;
	page->orders.trigger = trigger_kind::stack;
	page->orders.stack_hash = hash;
	page->orders.occurrence = 30;
	page->orders.then = aftermath::same_stack;
	assert_true(run_preloaded(calls({"threads"}), page.path()).exited(0));
	assert_int_equal(page.process(1).occurrences, 80);
	assert_int_equal(page.process(1).failed, 51);
	// The threads write what failed in any order.
	uint64_t first = page->answers.failures.at[0].occurrence;
	for (unsigned i = 1; i < 51; i++)
		first = std::min<uint64_t>(first, page->answers.failures.at[i].occurrence);
	assert_int_equal(first, 30);
}

void the_count_is_the_same_in_each_run(void **)
{
	skip_without_library();
	uint64_t counts[3] = {};
	for (uint64_t &count : counts) {
		preload_page page;
		assert_true(run_preloaded(calls({"each", "by-libc", "kept"}), page.path()).exited(0));
		count = page.process(1).candidates;
	}
	assert_true(counts[0] >= 17); // with the one before main()
	assert_true(counts[0] == counts[1] && counts[1] == counts[2]);
}

void draws_are_repeated_by_their_seed(void **)
{
	skip_without_library();
	std::string said[3];
	uint64_t failed[3] = {};
	const uint64_t seeds[3] = {7, 7, 8};
	for (size_t i = 0; i < 3; i++) {
		preload_page page;
		page->orders.trigger = trigger_kind::random;
		page->orders.random.probability = 40;
		page->orders.random.seed = seeds[i];
		memcpy(page->orders.thread, "main.*", 7); // what main itself needs to make them is up to libc
		said[i] = run_preloaded(calls({"threads"}), page.path()).out;
		failed[i] = page.process(1).failed;
		assert_true(failed[i] > 5 && failed[i] < 75);
	}
	assert_string_equal(said[0].c_str(), said[1].c_str()); // thread by thread, under any scheduling
	assert_true(failed[0] == failed[1]);
	assert_true(said[0] != said[2]);
	preload_page page;
	page->orders.trigger = trigger_kind::random;
	page->orders.random.probability = 100;
	page->orders.random.interval = 2;
	page->orders.random.times = 3;
	page->orders.after_main = 1;
	const preload_outcome outcome = run_preloaded(calls({"each"}), page.path());
	for (const char *name : {"calloc", "reallocarray", "aligned_alloc"}) // every second, and three at most
		assert_int_equal(outcome.lines(std::string(name) + ": ENOMEM"), 1);
	assert_int_equal(page.process(1).failed, 3);
	assert_int_equal(page->orders.random.times, 0);
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(each_function_fails_when_told),     cmocka_unit_test(what_libc_allocates_fails_too),
		cmocka_unit_test(mappings_fail_on_demand_only),      cmocka_unit_test(a_failed_realloc_keeps_its_block),
		cmocka_unit_test(all_fail_from_the_nth_on),          cmocka_unit_test(a_pair_fails),
		cmocka_unit_test(a_stack_fails_and_its_hash_lasts),  cmocka_unit_test(of_a_stack_the_kth_fails),
		cmocka_unit_test(the_count_is_the_same_in_each_run), cmocka_unit_test(draws_are_repeated_by_their_seed),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
