// SPDX-License-Identifier: MIT
//
// test_heaps.cpp - the ranges that another allocator than libc's has mapped, of
// which libmempool-preload.so looks at blocks alone.
#include "tools/preload/heaps.hpp"

#include <atomic>
#include <thread>

#include "cmocka_cpp.hpp"

using namespace mp::preload;

namespace {

constexpr uintptr_t base = 0x10000000;
constexpr size_t page_bytes = 4096;

void *page_number(size_t number)
{
	return reinterpret_cast<void *>(base + number * page_bytes);
}

/// Pages [first, end) of the range behind page `at`.
void assert_behind(size_t at, size_t first, size_t end)
{
	const heap_range range = heap_behind(base + at * page_bytes);
	assert_int_equal(range.start, base + first * page_bytes);
	assert_int_equal(range.end, base + end * page_bytes);
}

void assert_none_behind(size_t at)
{
	assert_int_equal(heap_behind(base + at * page_bytes).start, 0);
}

int forget_all(void **)
{
	forget_heap(page_number(0), size_t{1} << 30);
	return 0;
}

void the_first_behind_an_address_is_found(void **)
{
	assert_none_behind(0);
	note_heap(page_number(20), 2 * page_bytes);
	note_heap(page_number(10), 5 * page_bytes);
	assert_behind(0, 10, 15);
	assert_behind(14, 10, 15);
	assert_behind(15, 20, 22);
	assert_none_behind(22);
}

void what_is_unmapped_is_cut_off(void **)
{
	note_heap(page_number(10), 10 * page_bytes);
	forget_heap(page_number(8), 4 * page_bytes);
	assert_behind(0, 12, 20);
	forget_heap(page_number(19), 4 * page_bytes);
	assert_behind(0, 12, 19);
	forget_heap(page_number(14), page_bytes);
	assert_behind(0, 12, 14);
	assert_behind(14, 15, 19);
	forget_heap(page_number(20), 3 * page_bytes);
	assert_behind(14, 15, 19);
	forget_heap(page_number(12), 7 * page_bytes);
	assert_none_behind(0);
}

void a_full_table_forgets_the_newest(void **)
{
	for (size_t i = 0; i < 5000; i++)
		note_heap(page_number(2 * i), page_bytes);
	assert_behind(8188, 8188, 8189);
	assert_behind(8190, 8190, 8191);
	assert_none_behind(8191);
	// A place that is free again is taken.
	forget_heap(page_number(2), page_bytes);
	assert_behind(1, 4, 5);
	note_heap(page_number(9999), page_bytes);
	assert_behind(8191, 9999, 10000);
}

void what_is_mapped_anew_is_noted_once(void **)
{
	note_heap(page_number(0), 100 * page_bytes);
	for (size_t i = 0; i < 10000; i++)
		note_heap(page_number(i % 90), 10 * page_bytes);
	assert_behind(0, 0, 100);
	note_heap(page_number(95), 10 * page_bytes);
	assert_behind(0, 0, 95);
	assert_behind(95, 95, 105);
	note_heap(page_number(200), 10 * page_bytes - 1); // the kernel maps whole pages
	assert_behind(105, 200, 210);
}

void only_what_was_noted_is_said_to_be(void **)
{
	note_heap(page_number(10), 10 * page_bytes);
	assert_false(forget_heap(page_number(5), 10 * page_bytes));
	assert_behind(0, 15, 20);
	assert_true(forget_heap(page_number(16), 2 * page_bytes));
	assert_false(forget_heap(page_number(16), page_bytes));
	// The kernel refuses those.
	assert_false(forget_heap(page_number(15), SIZE_MAX));
	assert_false(forget_heap(reinterpret_cast<void *>(base + 15 * page_bytes + 1), page_bytes));
	assert_false(forget_heap(page_number(15), 0));
	assert_behind(0, 15, 16);
	assert_behind(16, 18, 20);
}

void large_ranges_are_whole(void **)
{
	constexpr size_t most = size_t{3} << 40;
	note_heap(page_number(0), most);
	uintptr_t end = base;
	while (heap_behind(end).start == end)
		end = heap_behind(end).end;
	assert_int_equal(end, base + most);
	assert_true(forget_heap(page_number(0), most));
	assert_none_behind(0);
}

/// Runs it in two threads, with 0 and with 1.
template <class Work> size_t run_in_two(Work work)
{
	std::atomic<size_t> wrong{0};
	std::atomic<unsigned> here{0};
	auto one = [&](unsigned number) {
		here++;
		while (here != 2) {}
		wrong += work(number);
	};
	std::thread other(one, 1U);
	one(0);
	other.join();
	return wrong;
}

void each_thread_finds_its_own(void **)
{
	// The places in the table go from the one to the other, those in the memory do not.
	const size_t wrong = run_in_two([](unsigned number) {
		size_t missed = 0;
		for (size_t i = 0; i < 50000; i++) {
			const size_t first = number * 100000 + i % 500 * 20;
			note_heap(page_number(first), 10 * page_bytes);
			const heap_range found = heap_behind(base + first * page_bytes);
			missed += found.start != base + first * page_bytes ||
				  found.end != base + (first + 10) * page_bytes;
			missed += !forget_heap(page_number(first), 10 * page_bytes);
		}
		return missed;
	});
	assert_int_equal(wrong, 0);
	assert_none_behind(0);
}

void two_threads_cut_one_range(void **)
{
	for (size_t round = 0; round < 1000; round++) {
		note_heap(page_number(0), 64 * page_bytes);
		const size_t wrong = run_in_two([](unsigned number) {
			size_t missed = 0;
			for (size_t i = number; i < 64; i += 2)
				missed += !forget_heap(page_number(i), page_bytes);
			return missed;
		});
		assert_int_equal(wrong, 0);
		assert_none_behind(0);
	}
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_first_behind_an_address_is_found, forget_all),
		cmocka_unit_test_teardown(what_is_unmapped_is_cut_off, forget_all),
		cmocka_unit_test_teardown(what_is_mapped_anew_is_noted_once, forget_all),
		cmocka_unit_test_teardown(only_what_was_noted_is_said_to_be, forget_all),
		cmocka_unit_test_teardown(large_ranges_are_whole, forget_all),
		cmocka_unit_test_teardown(each_thread_finds_its_own, forget_all),
		cmocka_unit_test_teardown(two_threads_cut_one_range, forget_all),
		// The last, as it makes the others slow.
		cmocka_unit_test_teardown(a_full_table_forgets_the_newest, forget_all),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
