// SPDX-License-Identifier: MIT
//
// test_pages.cpp - the page layer: blocks of many chunks, what an address is,
// and a source of memory that has nothing.
#include "support.hpp"

#include "mempool/backing/pages.hpp"

#include "reserve/base/mapping.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <vector>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::test;
using backing::block_bytes;
using backing::block_info;
using backing::max_order;
using backing::pages_alloc;
using backing::pages_free;

namespace {

struct block {
	char *at;
	unsigned order;
};

constexpr size_t chunk_bytes = block_bytes(max_order);

void an_order_has_room(void **)
{
	assert_int_equal(backing::order_for(0), 0);
	assert_int_equal(backing::order_for(1), 0);
	for (unsigned order = 0; order <= max_order; order++) {
		const size_t bytes = PAGE_SIZE << order;
		assert_int_equal(backing::order_for(bytes), order);
		assert_int_equal(backing::order_for(bytes - 1), order);
		assert_int_equal(backing::order_for(bytes + 1), order + 1);
	}
	assert_int_equal(backing::order_for(SIZE_MAX), max_order + 1);
}

/// Writes the block's own address at both its ends, and finds it there again.
void stamp(const block &b)
{
	const auto address = reinterpret_cast<uintptr_t>(b.at);
	memcpy(b.at, &address, sizeof(address));
	memcpy(b.at + block_bytes(b.order) - sizeof(address), &address, sizeof(address));
}

bool is_stamped(const block &b)
{
	const auto address = reinterpret_cast<uintptr_t>(b.at);
	return memcmp(b.at, &address, sizeof(address)) == 0 &&
	       memcmp(b.at + block_bytes(b.order) - sizeof(address), &address, sizeof(address)) == 0;
}

/// A load of its own on the page layer, checked by stamps. Counts what is wrong.
int load(std::mt19937_64 dice, int times)
{
	std::vector<block> blocks;
	int wrong = 0;
	for (int i = 0; i < times || !blocks.empty(); i++) {
		const auto number = static_cast<unsigned>(dice());
		if (i < times && (blocks.empty() || number % 2 == 0)) {
			const unsigned order = std::min(number / 2 % 16, number / 32 % 11);
			const block b = {static_cast<char *>(pages_alloc(order, GFP_KERNEL)), order};
			wrong += reinterpret_cast<uintptr_t>(b.at) % block_bytes(order) == 0 ? 0 : 1;
			stamp(b);
			blocks.push_back(b);
			continue;
		}
		block &b = blocks[number % blocks.size()];
		wrong += is_stamped(b) ? 0 : 1;
		const block_info info = backing::block_at(b.at + number % block_bytes(b.order));
		wrong += info.what == block_info::kind::pages && info.base == b.at && info.order == b.order ? 0 : 1;
		pages_free(b.at, b.order);
		b = blocks.back();
		blocks.pop_back();
	}
	return wrong;
}

void random_blocks_are_apart_and_aligned(void **)
{
	random_source random("random_blocks_are_apart_and_aligned");
	assert_int_equal(load(random.split(0), rounds(20'000)), 0);
	assert_in_range(backing::pages_mapped_bytes(), 0, chunk_bytes); // one chunk is kept
}

void threads_share_the_pages(void **)
{
	random_source random("threads_share_the_pages");
	std::atomic<int> wrong{0};
	crew().start(4, [&](int thread) { wrong += load(random.split(thread), rounds(10'000)); }).join();
	assert_int_equal(wrong.load(), 0);
	assert_in_range(backing::pages_mapped_bytes(), 0, chunk_bytes);
}

void chunks_come_and_go(void **)
{
	void *blocks[3];
	for (void *&b : blocks) {
		b = pages_alloc(max_order, GFP_KERNEL);
		assert_non_null(b);
	}
	assert_int_equal(backing::pages_mapped_bytes(), 3 * chunk_bytes);
	for (void *b : blocks)
		pages_free(b, max_order);
	assert_int_equal(backing::pages_mapped_bytes(), chunk_bytes); // the one that is kept
	void *again = pages_alloc(0, GFP_KERNEL);
	assert_int_equal(backing::pages_mapped_bytes(), chunk_bytes);
	pages_free(again, 0);
}

void a_full_chunk_that_gets_a_block_back_is_used(void **)
{
	void *whole[2];
	for (void *&b : whole)
		b = pages_alloc(max_order, GFP_KERNEL);
	void *halves[2];
	for (void *&b : halves)
		b = pages_alloc(max_order - 1, GFP_KERNEL);
	assert_int_equal(backing::pages_mapped_bytes(), 3 * chunk_bytes);
	pages_free(halves[0], max_order - 1);
	assert_ptr_equal(pages_alloc(max_order - 1, GFP_KERNEL), halves[0]);
	assert_int_equal(backing::pages_mapped_bytes(), 3 * chunk_bytes);
	for (void *b : halves)
		pages_free(b, max_order - 1);
	for (void *b : whole)
		pages_free(b, max_order);
}

void addresses_that_are_no_blocks(void **)
{
	auto *at = static_cast<char *>(pages_alloc(3, GFP_KERNEL));
	int on_the_stack = 0;
	assert_true(backing::block_at(&on_the_stack).what == block_info::kind::nothing);
	assert_true(backing::block_at(nullptr).what == block_info::kind::nothing);
	assert_true(backing::block_at(at + 5 * PAGE_SIZE + 17).what == block_info::kind::pages);
	pages_free(at, 3);
	for (unsigned i = 0; i < 8; i++)
		assert_true(backing::block_at(at + i * PAGE_SIZE).what == block_info::kind::free_memory);
	void *smaller = pages_alloc(1, GFP_KERNEL); // may lie in the same place, and is another block
	const block_info info = backing::block_at(smaller);
	assert_true(info.what == block_info::kind::pages && info.order == 1 && info.base == smaller);
	pages_free(smaller, 1);
}

void a_slabs_descriptor_is_as_new(void **)
{
	for (int i = 0; i < 2; i++) {
		void *at = nullptr;
		backing::slab *s = backing::pages_alloc_slab(3, GFP_KERNEL, &at, "as new");
		assert_non_null(s);
		const char zeros[backing::slab_descriptor_bytes] = {};
		assert_memory_equal(s, zeros, sizeof(zeros));
		memset(static_cast<void *>(s), 0xff, sizeof(zeros));
		const block_info info = backing::block_at(static_cast<char *>(at) + 4 * PAGE_SIZE);
		assert_true(info.what == block_info::kind::slab && info.in_slab == s && info.base == at);
		pages_free(at, 3);
	}
}

void pages_can_be_zeroed(void **)
{
	auto *at = static_cast<char *>(pages_alloc(1, GFP_KERNEL));
	memset(at, 0xee, block_bytes(1));
	pages_free(at, 1);
	auto *again = static_cast<char *>(pages_alloc(1, GFP_KERNEL | __GFP_ZERO));
	assert_ptr_equal(again, at); // or this shows nothing
	for (size_t i = 0; i < block_bytes(1); i++)
		assert_int_equal(again[i], 0);
	pages_free(again, 1);
}

void without_memory_only_what_is_there_is_served(void **)
{
	void *first = pages_alloc(max_order - 1, GFP_KERNEL);
	assert_int_equal(backing::pages_mapped_bytes(), chunk_bytes);
	close_map_gate();
	void *second = pages_alloc(max_order - 1, GFP_KERNEL);
	errno = 0;
	void *third = pages_alloc(0, GFP_KERNEL);
	const int error = errno;
	open_map_gate();
	assert_non_null(second);
	assert_null(third);
	assert_int_equal(error, ENOMEM);
	pages_free(first, max_order - 1);
	pages_free(second, max_order - 1);
}

std::atomic<int> gate_asked{0};

/// The second mapping comes through, none before: each chunk is two mappings,
/// and the third try gets both.
bool stubborn_gate(size_t)
{
	return ++gate_asked > 2;
}

void nofail_tries_until_it_has_it(void **)
{
	void *all_there_is = pages_alloc(max_order, GFP_KERNEL);
	assert_int_equal(backing::pages_mapped_bytes(), chunk_bytes);
	gate_asked = 0;
	base::set_map_gate(stubborn_gate);
	void *at = pages_alloc(0, GFP_KERNEL | __GFP_NOFAIL);
	const int asked = gate_asked;
	gate_asked = 0;
	void *not_blocking = pages_alloc(max_order, GFP_NOWAIT | __GFP_NOFAIL); // it may not sleep
	const int asked_once = gate_asked;
	open_map_gate();
	assert_non_null(at);
	assert_int_equal(asked, 4);
	assert_null(not_blocking);
	assert_int_equal(asked_once, 1);
	pages_free(at, 0);
	pages_free(all_there_is, max_order);
}

void an_order_too_large_is_reported_once(void **)
{
	catch_reports();
	errno = 0;
	assert_int_equal(__get_free_pages(GFP_KERNEL | __GFP_NOWARN, max_order + 1), 0);
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(reports_caught(), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(__get_free_pages(GFP_KERNEL, 99), 0);
	assert_int_equal(reports_caught(), 1);
	assert_true(reported("page allocation of order 99"));
}

void wrong_frees_are_reported_and_free_nothing(void **)
{
	catch_reports();
	const unsigned long at = __get_free_pages(GFP_KERNEL, 2);
	assert_int_not_equal(at, 0);
	free_pages(0, 2);
	assert_int_equal(reports_caught(), 0);
	free_pages(at, 1);
	free_pages(at + PAGE_SIZE, 2);
	free_pages(at + 8, 2);
	free_pages(reinterpret_cast<unsigned long>(&reports), 0);
	assert_int_equal(reports_caught(), 4);
	assert_true(reported("no such block is allocated"));
	assert_true(backing::block_at(reinterpret_cast<void *>(at)).what == block_info::kind::pages);
	free_pages(at, 2);
	assert_int_equal(reports_caught(), 4);
	free_pages(at, 2); // again
	assert_int_equal(reports_caught(), 5);
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(an_order_has_room),
		cmocka_unit_test(random_blocks_are_apart_and_aligned),
		cmocka_unit_test(threads_share_the_pages),
		cmocka_unit_test(chunks_come_and_go),
		cmocka_unit_test(a_full_chunk_that_gets_a_block_back_is_used),
		cmocka_unit_test(addresses_that_are_no_blocks),
		cmocka_unit_test(a_slabs_descriptor_is_as_new),
		cmocka_unit_test(pages_can_be_zeroed),
		cmocka_unit_test(without_memory_only_what_is_there_is_served),
		cmocka_unit_test(nofail_tries_until_it_has_it),
		cmocka_unit_test(an_order_too_large_is_reported_once),
		cmocka_unit_test(wrong_frees_are_reported_and_free_nothing),
	};
	return cmocka_run_group_tests_name("pages", tests, nullptr, nullptr);
}
