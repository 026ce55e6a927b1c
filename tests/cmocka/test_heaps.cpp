// SPDX-License-Identifier: MIT
//
// test_heaps.cpp - the ranges that another allocator than libc's has mapped, of
// which libmempool-preload.so looks at blocks alone.
#include "tools/preload/heaps.hpp"

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

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test_teardown(the_first_behind_an_address_is_found, forget_all),
		cmocka_unit_test_teardown(what_is_unmapped_is_cut_off, forget_all),
		cmocka_unit_test_teardown(a_full_table_forgets_the_newest, forget_all),
	};
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
