// SPDX-License-Identifier: MIT
//
// test_machine.cpp - the smallest parts: mappings, the clock, striped counters.
// link: -Wl,--wrap=mmap,--wrap=munmap,--wrap=madvise,--wrap=mlock,--wrap=pthread_atfork
#include "faults.hpp"
#include "support.hpp"

#include "reserve/base/counters.hpp"

#include "reserve/base/mapping.hpp"
#include "reserve/pinned.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <limits>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::test;

namespace {

bool is_zero(const void *memory, size_t bytes)
{
	const auto *byte = static_cast<const char *>(memory);
	return std::all_of(byte, byte + bytes, [](char c) { return c == 0; });
}

void memory_comes_in_whole_pages(void **)
{
	const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
	const long before = mapped_bytes();
	for (const size_t bytes : {size_t{1}, page - 1, page, page + 1, 10 * page}) {
		const auto whole = static_cast<long>((bytes + page - 1) / page * page);
		void *memory = base::map_memory(bytes);
		assert_int_equal(reinterpret_cast<uintptr_t>(memory) % page, 0);
		assert_true(is_zero(memory, static_cast<size_t>(whole)));
		assert_int_equal(mapped_bytes() - before, whole);
		errno = 77;
		base::unmap_memory(memory, bytes);
		assert_int_equal(errno, 77);
		assert_int_equal(mapped_bytes(), before);
	}
}

void impossible_sizes_fail(void **)
{
	constexpr size_t most = std::numeric_limits<size_t>::max();
	for (const size_t bytes : {size_t{0}, most, most - 10, most / 2 + 1}) {
		assert_null(base::map_memory(bytes));
		assert_null(base::map_aligned(bytes, size_t{1} << 22));
	}
}

void memory_can_be_aligned(void **)
{
	constexpr size_t align_bytes = size_t{1} << 22;
	const long before = mapped_bytes();
	random_source random("memory_can_be_aligned");
	std::vector<std::pair<void *, size_t>> mappings;
	long held = 0;
	for (int i = 0; i < 50; i++) {
		const auto bytes = (1 + static_cast<size_t>(random.below(2000))) * 4096;
		void *memory = base::map_aligned(bytes, align_bytes);
		assert_non_null(memory);
		assert_int_equal(reinterpret_cast<uintptr_t>(memory) % align_bytes, 0);
		static_cast<char *>(memory)[bytes - 1] = 1;
		mappings.emplace_back(memory, bytes);
		held += static_cast<long>(bytes);
		assert_int_equal(mapped_bytes() - before, held); // what was cut off is gone
		if (random.below(3) == 0) {
			base::unmap_memory(mappings.back().first, mappings.back().second);
			held -= static_cast<long>(bytes);
			mappings.pop_back();
		}
	}
	for (const auto &m : mappings)
		base::unmap_memory(m.first, m.second);
	assert_int_equal(mapped_bytes(), before);
}

void each_way_to_fail_leaves_nothing(void **)
{
	const long before = mapped_bytes();
	for (int n = 1; n <= 2; n++) {
		arm_fault(fault::map, n, true);
		void *memory = base::map_aligned(size_t{3} << 22, size_t{1} << 22);
		if (disarm_fault())
			assert_null(memory);
		else
			base::unmap_memory(memory, size_t{3} << 22); // it lay right at once
		assert_int_equal(mapped_bytes(), before);
	}
	for (const fault kind : {fault::gate, fault::map, fault::populate}) {
		arm_fault(kind, 1, false);
		void *block = reserve::pinned_alloc(5000);
		assert_true(disarm_fault());
		assert_null(block);
		assert_int_equal(mapped_bytes(), before);
	}
	reserve::pinned_free(nullptr, 5000);
	assert_int_equal(mapped_bytes(), before);
}

/// Does every page of the memory exist?
bool is_present(void *memory, size_t bytes)
{
	const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
	std::vector<unsigned char> present((bytes + page - 1) / page);
	return mincore(memory, bytes, present.data()) == 0 &&
	       std::all_of(present.begin(), present.end(), [](unsigned char p) { return (p & 1) != 0; });
}

void populating_makes_every_page_exist(void **)
{
	constexpr size_t bytes = 300'000;
	void *memory = base::map_memory(bytes);
	assert_false(is_present(memory, bytes));
	assert_true(base::populate(memory, bytes));
	assert_true(is_present(memory, bytes));
	base::unmap_memory(memory, bytes);
	void *block = reserve::pinned_alloc(bytes);
	assert_int_equal(base::count_missing_pages(block, bytes), 0);
	assert_true(is_zero(block, bytes));
	reserve::pinned_free(block, bytes);
}

void old_kernels_populate_by_hand(void **)
{
	constexpr size_t bytes = 100'000;
	auto *memory = static_cast<char *>(base::map_memory(bytes));
	memory[50'000] = 7;
	arm_fault(fault::populate, 1, false, EINVAL); // as Linux before 5.14 has it
	const bool populated = base::populate(memory, bytes);
	assert_true(disarm_fault());
	assert_true(populated);
	assert_true(is_present(memory, bytes));
	assert_int_equal(memory[50'000], 7);
	memory[50'000] = 0;
	assert_true(is_zero(memory, bytes));
	base::unmap_memory(memory, bytes);
}

void the_clock_goes_on_and_has_an_end(void **)
{
	const uint64_t before = base::now_ns();
	assert_true(base::now_ns() >= before);
	const uint64_t soon = base::deadline_after(1000);
	assert_in_range(soon, before + 1000, base::now_ns() + 1000);
	assert_true(base::deadline_after(base::never_ns) == base::never_ns);
	assert_true(base::deadline_after(base::never_ns - 1) == base::never_ns);
}

void counters_are_added_up(void **)
{
	using counters = base::striped_counters<3>;
	constexpr int threads = 4;
	const unsigned stripes = counters::stripes_wanted();
	assert_true(stripes >= 2); // a CPU's, and nobody's
	assert_int_equal(counters::stripe_bytes % base::cache_line_bytes, 0);
	void *zeroed = base::map_memory(stripes * counters::stripe_bytes);
	counters c;
	c.init(zeroed, stripes);
	const int each = rounds(100'000);
	crew().start(threads, [&c, each](int) {
		      for (int i = 0; i < each; i++) {
			      c.add(0);
			      c.add(2, 5);
		      }
	      }).join();
	assert_int_equal(c.sum(0), threads * each);
	assert_int_equal(c.sum(1), 0);
	assert_int_equal(c.sum(2), 5 * threads * each);
	base::unmap_memory(zeroed, stripes * counters::stripe_bytes);
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(memory_comes_in_whole_pages),
		cmocka_unit_test(impossible_sizes_fail),
		cmocka_unit_test(memory_can_be_aligned),
		cmocka_unit_test(each_way_to_fail_leaves_nothing),
		cmocka_unit_test(populating_makes_every_page_exist),
		cmocka_unit_test(old_kernels_populate_by_hand),
		cmocka_unit_test(the_clock_goes_on_and_has_an_end),
		cmocka_unit_test(counters_are_added_up),
	};
	return cmocka_run_group_tests_name("machine", tests, nullptr, nullptr);
}
