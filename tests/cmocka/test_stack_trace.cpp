// SPDX-License-Identifier: MIT
//
// test_stack_trace.cpp - who called, and whether a signal handler runs.
#include "support.hpp"

#include "reserve/base/stack_trace.hpp"

#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <thread>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::test;
using base::stack_trace;

namespace {

/// Calls `what` from `depth` frames further down.
template <class What> __attribute__((noinline)) int from_deep(int depth, What what)
{
	const int result = depth > 0 ? from_deep(depth - 1, what) + 1 : what();
	asm volatile("" ::: "memory"); // the frame is there until here
	return result;
}

void names_the_callers(void **)
{
	const stack_trace all = stack_trace::here(0);
	const stack_trace less = stack_trace::here(1);
	assert_in_range(all.depth, 2, stack_trace::max_depth);
	const auto here = reinterpret_cast<uintptr_t>(&names_the_callers);
	const auto pc = reinterpret_cast<uintptr_t>(all.pc[0]);
	assert_in_range(pc, here, here + 1000); // innermost first, and that is this function
	for (unsigned i = 0; i < all.depth - 1; i++)
		assert_ptr_equal(all.pc[i + 1], less.pc[i]);
}

/// As addr2line takes it: the program's own name, and the place less where it was loaded.
void says_where_code_lies(void **)
{
	dl_find_object found;
	const auto here = reinterpret_cast<uintptr_t>(says_where_code_lies);
	assert_int_equal(_dl_find_object(reinterpret_cast<void *>(here), &found), 0);
	char wanted[64];
	snprintf(wanted, sizeof(wanted), "test_stack_trace+%#zx",
		 static_cast<size_t>(here - found.dlfo_link_map->l_addr));
	char place[64];
	assert_true(base::code_place(here, place, sizeof(place)));
	assert_string_equal(place, wanted);
	// one of libc's that no sanitizer has its own of
	assert_true(base::code_place(reinterpret_cast<uintptr_t>(gnu_get_libc_version), place, sizeof(place)));
	assert_int_equal(strncmp(place, "libc.so.6+0x", 12), 0);
	char little[16]; // the name is cut, and the number whole
	assert_true(base::code_place(here, little, sizeof(little)));
	assert_string_equal(strchr(little, '+'), strchr(wanted, '+'));
	int on_the_stack = 0;
	assert_false(base::code_place(reinterpret_cast<uintptr_t>(&on_the_stack), place, sizeof(place)));
}

void knows_when_to_stop(void **)
{
	stack_trace deep;
	from_deep(30, [&deep] {
		deep = stack_trace::here(0);
		return 0;
	});
	assert_int_equal(deep.depth, stack_trace::max_depth);
	assert_int_equal(stack_trace::here(1000).depth, 0);
}

int seen_in_handler = -1;

void handler(int)
{
	seen_in_handler = base::in_signal_handler() ? 1 : 0;
}

void deep_handler(int)
{
	seen_in_handler = from_deep(100, [] { return base::in_signal_handler() ? 1 : 0; }) - 100;
}

void nested_handler(int)
{
	raise(SIGUSR1);
	const int inner = seen_in_handler;
	seen_in_handler = base::in_signal_handler() ? inner : 0;
}

void raise_with(void (*fn)(int), int flags)
{
	struct sigaction action = {};
	action.sa_handler = handler;
	sigaction(SIGUSR1, &action, nullptr);
	action.sa_handler = fn;
	action.sa_flags = flags;
	sigaction(SIGUSR2, &action, nullptr);
	seen_in_handler = -1;
	raise(SIGUSR2);
}

void knows_a_signal_handler(void **)
{
	if (under_tsan())
		skip(); // it calls handlers by itself, later
	for (void (*fn)(int) : {handler, deep_handler, nested_handler}) {
		raise_with(fn, 0);
		assert_int_equal(seen_in_handler, 1);
		assert_false(base::in_signal_handler());
	}
}

void knows_one_on_a_stack_of_its_own(void **)
{
	if (under_tsan())
		skip();
	static char stack[64 * 1024];
	stack_t alternate = {};
	alternate.ss_sp = stack;
	alternate.ss_size = sizeof(stack);
	sigaltstack(&alternate, nullptr);
	raise_with(handler, SA_ONSTACK);
	alternate.ss_flags = SS_DISABLE;
	sigaltstack(&alternate, nullptr);
	assert_int_equal(seen_in_handler, 1);
}

void is_no_handler_otherwise(void **)
{
	assert_false(base::in_signal_handler());
	assert_int_equal(from_deep(60, [] { return base::in_signal_handler() ? 1 : 0; }), 60);
	int in_thread = -1;
	std::thread([&in_thread] { in_thread = base::in_signal_handler() ? 1 : 0; }).join();
	assert_int_equal(in_thread, 0);
}

sigjmp_buf way_out;

void is_none_after_a_jump_out_of_one(void **)
{
	if (under_tsan())
		skip();
	if (sigsetjmp(way_out, 1) == 0)
		raise_with([](int) { siglongjmp(way_out, 1); }, 0);
	assert_false(base::in_signal_handler());
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(names_the_callers),
		cmocka_unit_test(says_where_code_lies),
		cmocka_unit_test(knows_when_to_stop),
		cmocka_unit_test(knows_a_signal_handler),
		cmocka_unit_test(knows_one_on_a_stack_of_its_own),
		cmocka_unit_test(is_no_handler_otherwise),
		cmocka_unit_test(is_none_after_a_jump_out_of_one),
	};
	return cmocka_run_group_tests_name("stack_trace", tests, nullptr, nullptr);
}
