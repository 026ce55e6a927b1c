// SPDX-License-Identifier: MIT
//
// test_backings.cpp - which size kmalloc really gives, where kvmalloc turns to
// when pages run out, and the table of ready-made backings.
#include "support.hpp"

#include "mempool/backing/cache.hpp"
#include "mempool/backing/kmalloc.hpp"
#include "mempool/backing/pages.hpp"
#include "mempool/backing/ready_made.hpp"
#include "mempool/mempool-debug.h"

#include "reserve/base/mapping.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <vector>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::test;
using backing::find_ready_made;
using backing::kmalloc_roundup;

namespace {

constexpr size_t classes[] = {8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192};

size_t expected_roundup(size_t size)
{
	if (size == 0 || size > KMALLOC_MAX_SIZE)
		return 0;
	const size_t *fits = std::lower_bound(std::begin(classes), std::end(classes), size);
	return fits != std::end(classes) ? *fits : std::bit_ceil(size);
}

void sizes_are_rounded_up_to_classes(void **)
{
	for (size_t size = 0; size <= 3 * PAGE_SIZE; size++)
		assert_int_equal(kmalloc_roundup(size), expected_roundup(size));
	for (size_t power = PAGE_SIZE; power <= 2 * KMALLOC_MAX_SIZE; power *= 2)
		for (const size_t size : {power - 1, power, power + 1})
			assert_int_equal(kmalloc_roundup(size), expected_roundup(size));
	assert_int_equal(kmalloc_roundup(SIZE_MAX), 0);
	random_source random("sizes_are_rounded_up_to_classes");
	for (int i = 0; i < rounds(50'000); i++) {
		const auto size = static_cast<size_t>(random.below(static_cast<int>(KMALLOC_MAX_SIZE) + 2));
		assert_int_equal(kmalloc_roundup(size), expected_roundup(size));
	}
}

void sizes_are_given_as_promised(void **)
{
	std::vector<size_t> sizes = {1, 9, 100, 200, 5000, 8193, 100'000, KMALLOC_MAX_SIZE - 1, KMALLOC_MAX_SIZE};
	sizes.insert(sizes.end(), std::begin(classes), std::end(classes));
	for (const size_t size : sizes) {
		auto *memory = static_cast<char *>(kmalloc(size, GFP_KERNEL));
		assert_int_equal(ksize(memory), expected_roundup(size));
		const size_t align = std::has_single_bit(size) ? std::min(size, PAGE_SIZE) : size > 8 ? 16 : 8;
		assert_int_equal(reinterpret_cast<uintptr_t>(memory) % align, 0);
		memset(memory, 0x11, ksize(memory));
		kfree(memory);
	}
}

void nothing_has_an_address_too(void **)
{
	assert_ptr_equal(kmalloc(0, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_ptr_equal(kvmalloc(0, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_int_equal(ksize(ZERO_SIZE_PTR), 0);
	assert_int_equal(ksize(nullptr), 0);
	kfree(ZERO_SIZE_PTR);
	kfree(nullptr);
	kvfree(ZERO_SIZE_PTR);
}

void arrays_do_not_overflow(void **)
{
	errno = 0;
	assert_null(kmalloc_array(SIZE_MAX / 8 + 1, 8, GFP_KERNEL));
	assert_int_equal(errno, ENOMEM);
	void *array = kcalloc(10, 10, GFP_KERNEL);
	assert_int_equal(ksize(array), 128);
	kfree(array);
}

void a_size_too_large_is_reported_once(void **)
{
	catch_reports();
	errno = 0;
	assert_null(kmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL | __GFP_NOWARN));
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(reports_caught(), 0);
	for (int i = 0; i < 2; i++)
		assert_null(kmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL));
	assert_int_equal(reports_caught(), 1);
}

void a_failed_krealloc_leaves_all_as_it_was(void **)
{
	auto *memory = static_cast<char *>(kmalloc(100, GFP_KERNEL));
	memset(memory, 0x22, 128);
	close_map_gate();
	// Not with GFP_KERNEL: reclaim might put a chunk of empty slabs together for it.
	void *none = krealloc(memory, KMALLOC_MAX_SIZE, GFP_NOWAIT);
	open_map_gate();
	assert_null(none);
	assert_int_equal(std::count(memory, memory + 128, 0x22), 128);
	assert_ptr_equal(krealloc(memory, 128, GFP_KERNEL), memory);
	auto *larger = static_cast<char *>(krealloc(memory, 10'000, GFP_KERNEL));
	assert_int_equal(std::count(larger, larger + 128, 0x22), 128);
	assert_ptr_equal(krealloc(larger, 0, GFP_KERNEL), ZERO_SIZE_PTR);
}

void large_ones_are_mappings(void **)
{
	constexpr size_t size = 2 * KMALLOC_MAX_SIZE + 5;
	auto *memory = static_cast<char *>(kvmalloc(size, GFP_KERNEL));
	assert_non_null(memory);
	const backing::block_info info = backing::block_at(memory);
	assert_true(info.what == backing::block_info::kind::mapping && info.base == memory && info.bytes == size);
	assert_int_equal(memory[0] | memory[size - 1], 0);
	memory[size - 1] = 1;
	catch_reports();
	kfree(memory); // kvfree() is for it
	kvfree(memory + 8);
	assert_int_equal(reports_caught(), 2);
	assert_true(reported("kvmalloc() gave it") && reported("points into an allocation"));
	kvfree(memory);
	assert_true(backing::block_at(memory).what == backing::block_info::kind::nothing);
	errno = 0;
	assert_null(kvmalloc(SIZE_MAX, GFP_KERNEL));
	assert_int_equal(errno, ENOMEM);
}

/// Lets no chunk of pages come to be.
bool no_chunks(size_t bytes)
{
	return bytes != backing::block_bytes(backing::max_order);
}

void without_pages_kvmalloc_maps(void **)
{
	constexpr size_t size = 100'000;
	const unsigned order = backing::order_for(size);
	std::vector<void *> blocks;
	base::set_map_gate(no_chunks);
	while (void *block = backing::pages_alloc(order, GFP_KERNEL))
		blocks.push_back(block);
	void *large = kvmalloc(size, GFP_KERNEL);
	void *page = kvmalloc(PAGE_SIZE - 1, GFP_KERNEL); // no gain in a mapping for so little
	open_map_gate();
	assert_true(backing::block_at(large).what == backing::block_info::kind::mapping);
	assert_true(page == nullptr || backing::block_at(page).what == backing::block_info::kind::slab);
	kvfree(large);
	kvfree(page);
	for (void *block : blocks)
		backing::pages_free(block, order);
}

void frees_of_what_was_never_given(void **)
{
	catch_reports();
	char on_the_stack[64];
	kfree(on_the_stack);
	kvfree(on_the_stack);
	assert_int_equal(ksize(on_the_stack), 0);
	assert_int_equal(reports_caught(), 3);
	auto *pages = static_cast<char *>(kmalloc(20'000, GFP_KERNEL));
	kfree(pages + PAGE_SIZE);
	assert_int_equal(reports_caught(), 4);
	kfree(pages);
	kfree(pages); // again
	assert_int_equal(reports_caught(), 5);
	assert_true(reported("free already"));
}

void the_table_knows_pairs(void **)
{
	const struct {
		mempool_alloc_t *alloc;
		mempool_free_t *free;
		const char *name;
	} pairs[] = {{mempool_alloc_slab, mempool_free_slab, "slab"},
		     {mempool_kmalloc, mempool_kfree, "kmalloc"},
		     {mempool_kvmalloc, mempool_kvfree, "kvmalloc"},
		     {mempool_alloc_pages, mempool_free_pages, "pages"}};
	for (const auto &a : pairs) {
		for (const auto &f : pairs) {
			const backing::ready_made *found = find_ready_made(a.alloc, f.free);
			if (&a == &f)
				assert_string_equal(found->name, a.name);
			else
				assert_null(found);
		}
		assert_null(find_ready_made(a.alloc, [](void *, void *) {}));
	}
}

void *number(size_t n)
{
	return reinterpret_cast<void *>(n);
}

void backings_know_how_many_bytes_may_be_written(void **)
{
	kmem_cache *cache = kmem_cache_create("table", 72, 0, 0, nullptr);
	assert_int_equal(find_ready_made(mempool_alloc_slab, mempool_free_slab)->element_bytes(cache), 72);
	assert_int_equal(find_ready_made(mempool_kmalloc, mempool_kfree)->element_bytes(number(100)), 100);
	assert_int_equal(find_ready_made(mempool_kvmalloc, mempool_kvfree)->element_bytes(number(100)), 100);
	assert_int_equal(find_ready_made(mempool_alloc_pages, mempool_free_pages)->element_bytes(number(2)), 16384);
	kmem_cache_destroy(cache);
}

void backings_refuse_what_they_can_never_serve(void **)
{
	kmem_cache *plain = kmem_cache_create("plain", 72, 0, 0, nullptr);
	kmem_cache *with_ctor = kmem_cache_create("ctor", 72, 0, 0, [](void *) {});
	const struct {
		mempool_alloc_t *alloc;
		mempool_free_t *free;
		void *pool_data;
		bool refused;
	} cases[] = {
		{mempool_alloc_slab, mempool_free_slab, plain, false},
		{mempool_alloc_slab, mempool_free_slab, with_ctor, true},
		{mempool_alloc_slab, mempool_free_slab, nullptr, true},
		{mempool_kmalloc, mempool_kfree, number(1), false},
		{mempool_kmalloc, mempool_kfree, number(KMALLOC_MAX_SIZE), false},
		{mempool_kmalloc, mempool_kfree, number(KMALLOC_MAX_SIZE + 1), true},
		{mempool_kmalloc, mempool_kfree, number(0), true},
		{mempool_kvmalloc, mempool_kvfree, number(KMALLOC_MAX_SIZE + 1), false},
		{mempool_kvmalloc, mempool_kvfree, number(0), true},
		{mempool_kvmalloc, mempool_kvfree, number(SIZE_MAX), true},
		{mempool_alloc_pages, mempool_free_pages, number(MAX_PAGE_ORDER), false},
		{mempool_alloc_pages, mempool_free_pages, number(MAX_PAGE_ORDER + 1), true},
		{mempool_alloc_pages, mempool_free_pages, number(SIZE_MAX), true},
	};
	catch_reports();
	int refusals = 0;
	for (const auto &c : cases) {
		mempool_t pool = {};
		assert_int_equal(mempool_init(&pool, 1, c.alloc, c.free, c.pool_data), c.refused ? -EINVAL : 0);
		refusals += c.refused ? 1 : 0;
		assert_int_equal(reports_caught(), refusals);
		mempool_exit(&pool);
	}
	kmem_cache_destroy(plain);
	kmem_cache_destroy(with_ctor);
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_rounded_up_to_classes),
		cmocka_unit_test(sizes_are_given_as_promised),
		cmocka_unit_test(nothing_has_an_address_too),
		cmocka_unit_test(arrays_do_not_overflow),
		cmocka_unit_test(a_size_too_large_is_reported_once),
		cmocka_unit_test(a_failed_krealloc_leaves_all_as_it_was),
		cmocka_unit_test(large_ones_are_mappings),
		cmocka_unit_test(without_pages_kvmalloc_maps),
		cmocka_unit_test(frees_of_what_was_never_given),
		cmocka_unit_test(the_table_knows_pairs),
		cmocka_unit_test(backings_know_how_many_bytes_may_be_written),
		cmocka_unit_test(backings_refuse_what_they_can_never_serve),
	};
	return cmocka_run_group_tests_name("backings", tests, nullptr, nullptr);
}
