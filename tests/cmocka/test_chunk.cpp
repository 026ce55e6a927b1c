// SPDX-License-Identifier: MIT
//
// test_chunk.cpp - the buddy system of one chunk, against a plain map of its
// pages; and the map from addresses to chunks.
#include "support.hpp"

#include "mempool/backing/chunk.hpp"

#include <vector>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::test;
using backing::block_bytes;
using backing::block_info;
using backing::block_use;
using backing::chunk;
using backing::max_order;

namespace {

constexpr int pages = 1 << max_order;

struct block {
	char *at;
	unsigned order;
	block_use use;
};

/// A chunk, and beside it who has each page: the number of a block, or 0.
struct mirrored_chunk {
	mirrored_chunk() : c(chunk::create()) { assert_non_null(c); }

	unsigned page_of(const char *at) const
	{
		return static_cast<unsigned>((at - static_cast<char *>(c->base)) / static_cast<long>(PAGE_SIZE));
	}

	/// By the map: is there a block of this order, at its place, that is free?
	bool has_free(unsigned order) const
	{
		for (unsigned first = 0; first < pages; first += 1U << order) {
			unsigned n = 0;
			while (n < 1U << order && owner[first + n] == 0)
				n++;
			if (n == 1U << order)
				return true;
		}
		return false;
	}

	void take(unsigned order, block_use use)
	{
		auto *at = static_cast<char *>(c->take(order, use));
		assert_int_equal(reinterpret_cast<uintptr_t>(at) % block_bytes(order), 0);
		const unsigned first = page_of(at);
		assert_true(first + (1U << order) <= pages);
		stamp++;
		for (unsigned i = first; i < first + (1U << order); i++) {
			assert_int_equal(owner[i], 0); // nobody else has it
			owner[i] = stamp;
			*reinterpret_cast<unsigned *>(at + (i - first) * PAGE_SIZE) = stamp;
		}
		blocks.push_back({at, order, use});
	}

	void give(size_t i)
	{
		const block b = blocks[i];
		blocks[i] = blocks.back();
		blocks.pop_back();
		const unsigned first = page_of(b.at);
		for (unsigned n = 0; n < 1U << b.order; n++) {
			const unsigned stamped = *reinterpret_cast<unsigned *>(b.at + n * PAGE_SIZE);
			assert_int_equal(stamped, owner[first]); // nobody wrote to it
		}
		for (unsigned n = 0; n < 1U << b.order; n++)
			owner[first + n] = 0;
		c->give(b.at, b.order);
	}

	/// What the chunk says must be what the map says: all that could be merged is merged.
	void assert_same() const
	{
		for (unsigned order = 0; order <= max_order; order++)
			assert_int_equal(c->has_free(order), has_free(order));
		assert_int_equal(c->has_free(), has_free(0));
		assert_int_equal(c->unused(), blocks.empty());
	}

	void assert_describes(const block &b, const char *address) const
	{
		const block_info info = c->describe(address);
		const bool is_slab = b.use == block_use::slab;
		assert_true(info.what == (is_slab ? block_info::kind::slab : block_info::kind::pages));
		assert_ptr_equal(info.base, b.at);
		assert_int_equal(info.order, b.order);
		assert_int_equal(info.bytes, block_bytes(b.order));
		assert_ptr_equal(info.in_slab, is_slab ? c->descriptor_of(b.at) : nullptr);
	}

	void assert_described(random_source &random) const
	{
		for (const block &b : blocks) {
			assert_describes(b, b.at);
			assert_describes(b, b.at + random.below(static_cast<int>(block_bytes(b.order))));
			assert_describes(b, b.at + block_bytes(b.order) - 1);
		}
		const int page = random.below(pages);
		const char *address = static_cast<char *>(c->base) + static_cast<size_t>(page) * PAGE_SIZE;
		if (owner[page] == 0)
			assert_true(c->describe(address).what == block_info::kind::free_memory);
	}

	chunk *c;
	unsigned owner[pages] = {};
	unsigned stamp = 0;
	std::vector<block> blocks;
};

void is_one_free_block_at_first(void **)
{
	mirrored_chunk m;
	assert_int_equal(reinterpret_cast<uintptr_t>(m.c->base) % backing::unit_bytes, 0);
	m.assert_same();
	assert_ptr_equal(chunk::of(static_cast<char *>(m.c->base) + backing::unit_bytes - 1), m.c);
	m.take(max_order, block_use::pages);
	assert_false(m.c->has_free());
	m.give(0);
	m.assert_same();
	m.c->destroy();
}

void splits_to_single_pages_and_merges_again(void **)
{
	mirrored_chunk m;
	for (int i = 0; i < pages; i++)
		m.take(0, block_use::pages);
	m.assert_same();
	// Every second one first: nothing can be merged until its buddy comes back.
	for (int i = pages - 1; i >= 0; i--)
		if (m.page_of(m.blocks[static_cast<size_t>(i)].at) % 2 == 0)
			m.give(static_cast<size_t>(i));
	assert_false(m.c->has_free(1));
	m.assert_same();
	while (!m.blocks.empty())
		m.give(m.blocks.size() - 1);
	m.assert_same();
	assert_true(m.c->has_free(max_order));
	m.c->destroy();
}

void random_orders_end_whole(void **)
{
	random_source random("random_orders_end_whole");
	for (int round = 0; round < rounds(40); round++) {
		mirrored_chunk m;
		const int keen = random.below(90); // how much of the chunk is in use, by and large
		for (int i = 0; i < 400; i++) {
			const auto order = static_cast<unsigned>(random.below(round % 2 == 0 ? 4 : 11));
			const bool slab = order >= backing::min_slab_order && random.coin();
			if (random.below(100) < keen && m.c->has_free(order))
				m.take(order, slab ? block_use::slab : block_use::pages);
			else if (!m.blocks.empty())
				m.give(static_cast<size_t>(random.below(static_cast<int>(m.blocks.size()))));
			m.assert_same();
			m.assert_described(random);
		}
		while (!m.blocks.empty())
			m.give(static_cast<size_t>(random.below(static_cast<int>(m.blocks.size()))));
		m.assert_same();
		m.c->destroy();
	}
}

void every_slab_has_its_own_descriptor(void **)
{
	mirrored_chunk m;
	std::vector<char *> descriptors;
	while (m.c->has_free(backing::min_slab_order)) {
		m.take(backing::min_slab_order, block_use::slab);
		descriptors.push_back(reinterpret_cast<char *>(m.c->descriptor_of(m.blocks.back().at)));
		*reinterpret_cast<unsigned *>(descriptors.back()) = m.stamp;
		descriptors.back()[backing::slab_descriptor_bytes - 1] = 1;
	}
	assert_int_equal(descriptors.size(), pages >> backing::min_slab_order);
	for (size_t i = 0; i < descriptors.size(); i++)
		assert_int_equal(*reinterpret_cast<unsigned *>(descriptors[i]), i + 1);
	while (!m.blocks.empty())
		m.give(0); // and the pages themselves were not written to
	m.c->destroy();
}

char *address(uint64_t bits)
{
	return reinterpret_cast<char *>(bits);
}

void the_pagemap_knows_units(void **)
{
	// Addresses that nothing is mapped at: the map never looks behind them.
	constexpr uint64_t unit = backing::unit_bytes;
	constexpr uint64_t places[] = {unit, 5 * unit, 0x7000'0000'0000, (uint64_t{1} << 48) - unit};
	backing::region owners[4] = {};
	for (int i = 0; i < 4; i++)
		assert_true(backing::pagemap_set(address(places[i]), &owners[i]));
	for (int i = 0; i < 4; i++) {
		assert_ptr_equal(backing::pagemap_find(address(places[i])), &owners[i]);
		assert_ptr_equal(backing::pagemap_find(address(places[i] + unit - 1)), &owners[i]);
		assert_null(backing::pagemap_find(address(places[i] - 1)));
		assert_null(backing::pagemap_find(address(places[i] + unit)));
	}
	for (const uint64_t place : places) {
		assert_true(backing::pagemap_set(address(place), nullptr));
		assert_null(backing::pagemap_find(address(place)));
	}
}

void the_pagemap_ends_at_48_bits(void **)
{
	backing::region owner = {};
	char *beyond = address(uint64_t{1} << 48);
	assert_false(backing::pagemap_set(beyond, &owner));
	assert_null(backing::pagemap_find(beyond));
	assert_null(backing::pagemap_find(address(~uint64_t{0})));
	assert_null(backing::pagemap_find(nullptr));
}

void the_pagemap_needs_memory_once_a_region(void **)
{
	backing::region owner = {};
	char *first = address(0x6000'0000'0000);
	close_map_gate();
	const bool set = backing::pagemap_set(first, &owner);
	backing::region *found = backing::pagemap_find(first);
	open_map_gate();
	assert_false(set);
	assert_null(found);
	assert_true(backing::pagemap_set(first, &owner));
	close_map_gate();
	const bool neighbour = backing::pagemap_set(first + backing::unit_bytes, &owner);
	const bool taken_out =
		backing::pagemap_set(first, nullptr) && backing::pagemap_set(first + backing::unit_bytes, nullptr);
	open_map_gate();
	assert_true(neighbour && taken_out);
	assert_null(backing::pagemap_find(first));
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(is_one_free_block_at_first),
		cmocka_unit_test(splits_to_single_pages_and_merges_again),
		cmocka_unit_test(random_orders_end_whole),
		cmocka_unit_test(every_slab_has_its_own_descriptor),
		cmocka_unit_test(the_pagemap_knows_units),
		cmocka_unit_test(the_pagemap_ends_at_48_bits),
		cmocka_unit_test(the_pagemap_needs_memory_once_a_region),
	};
	return cmocka_run_group_tests_name("chunk", tests, nullptr, nullptr);
}
