// SPDX-License-Identifier: MIT
//
// test_poison.cpp - the bytes of PAR-30, for elements and for their reserve.
#include "support.hpp"

#include "mempool/mempool-debug.h"
#include "mempool/mempool.h"
#include "mempool/watch/poison.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "cmocka_cpp.hpp"

using namespace mp;
using namespace mp::test;

namespace {

constexpr uint8_t outside = 0x33;

void fills_every_byte_and_no_other(void **)
{
	for (size_t size = 0; size <= 70; size++) {
		std::vector<uint8_t> memory(size + 2, outside);
		watch::poison(&memory[1], size);
		assert_int_equal(memory.front(), outside);
		assert_int_equal(memory.back(), outside);
		if (size == 0)
			continue;
		assert_int_equal(std::count(memory.begin() + 1, memory.end() - 2, 0x6b), size - 1);
		assert_int_equal(memory[size], 0xa5);
		assert_int_equal(watch::poison_damage(&memory[1], size), size);
		watch::poison_as_in_use(&memory[1], size);
		assert_int_equal(std::count(memory.begin() + 1, memory.end() - 1, 0x5a), size);
		assert_int_equal(memory.back(), outside);
	}
}

void finds_each_byte_that_changed(void **)
{
	for (const size_t size : {size_t{1}, size_t{2}, size_t{8}, size_t{33}, size_t{4096}}) {
		std::vector<uint8_t> memory(size);
		watch::poison(memory.data(), size);
		for (size_t i = 0; i < size; i++) {
			for (const uint8_t bit : {0x01, 0x80}) {
				memory[i] ^= bit;
				assert_int_equal(watch::poison_damage(memory.data(), size), i);
				memory[i] ^= bit;
			}
		}
		memory[0] ^= 1;
		memory[size - 1] ^= 2;
		assert_int_equal(watch::poison_damage(memory.data(), size), 0); // the first one
	}
}

constexpr size_t element_bytes = 48;
constexpr size_t margin_bytes = 2;
alignas(2) uint8_t memory_around[margin_bytes + element_bytes + margin_bytes];
bool made = false;

void *own_alloc(gfp_t, void *)
{
	return made ? nullptr : &memory_around[margin_bytes];
}

/// A pool of one element, whose own callbacks say how large it is.
struct poisoned_pool {
	explicit poisoned_pool(unsigned debug)
	{
		catch_reports();
		made = false;
		memset(memory_around, outside, sizeof(memory_around));
		assert_int_equal(mempool_debug_set(debug), 0);
		mempool_attr attr = MEMPOOL_ATTR_INIT;
		attr.element_size = element_bytes;
		attr.name = "poisoned";
		assert_int_equal(mempool_init_attr(
					 &pool, 1, own_alloc, [](void *, void *) {}, nullptr, &attr),
				 0);
		made = true;
	}
	~poisoned_pool()
	{
		mempool_exit(&pool);
		mempool_debug_set(0);
	}

	static uint8_t *byte(size_t i) { return &memory_around[margin_bytes + i]; }
	static bool all_are(uint8_t value)
	{
		return std::count(byte(0), byte(element_bytes), value) == static_cast<long>(element_bytes);
	}

	mempool_t pool = {};
};

void a_reserved_element_is_poisoned(void **)
{
	poisoned_pool p(MEMPOOL_DEBUG_POISON);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(*p.byte(0), 0x6b);
		assert_int_equal(*p.byte(element_bytes - 1), 0xa5);
		void *element = mempool_alloc_preallocated(&p.pool);
		assert_ptr_equal(element, p.byte(0)); // no mark is left on the address
		assert_true(p.all_are(0x5a));
		memset(element, 0x11, element_bytes);
		mempool_free(element, &p.pool);
	}
	assert_int_equal(p.byte(0)[-1], outside);
	assert_int_equal(*p.byte(element_bytes), outside);
	assert_int_equal(reports_caught(), 0);
}

void a_write_after_the_free_is_reported(void **)
{
	poisoned_pool p(MEMPOOL_DEBUG_POISON);
	*p.byte(17) = 0x42;
	void *element = mempool_alloc_preallocated(&p.pool);
	assert_int_equal(reports_caught(), 1);
	assert_true(reported("poison mismatch") && reported("'poisoned'") && reported("size 48") && reported("[42]"));
	assert_int_equal(*p.byte(17), 0x42); // left as it is
	assert_int_equal(*p.byte(16), 0x6b);
	mempool_free(element, &p.pool);
}

void elements_of_a_bulk_are_checked(void **)
{
	poisoned_pool p(MEMPOOL_DEBUG_POISON);
	*p.byte(3) = 0x42;
	void *slots[1] = {};
	assert_int_equal(mempool_alloc_bulk(&p.pool, slots, 1, 0), 0);
	assert_ptr_equal(slots[0], p.byte(0));
	assert_int_equal(reports_caught(), 1);
	assert_int_equal(mempool_free_bulk(&p.pool, slots, 1), 1);
	assert_int_equal(*p.byte(3), 0x6b);
}

void only_what_was_poisoned_is_checked(void **)
{
	poisoned_pool p(0);
	assert_true(p.all_are(outside));
	mempool_debug_set(MEMPOOL_DEBUG_POISON); // with an element inside that is not poisoned
	void *element = mempool_alloc_preallocated(&p.pool);
	assert_true(p.all_are(outside));
	mempool_free(element, &p.pool);
	assert_int_equal(*p.byte(0), 0x6b);
	mempool_debug_set(0); // and now with one that is
	*p.byte(0) = 0;
	element = mempool_alloc_preallocated(&p.pool);
	assert_ptr_equal(element, p.byte(0));
	assert_int_equal(reports_caught(), 1);
	mempool_free(element, &p.pool);
	assert_int_equal(*p.byte(0), 0);
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(fills_every_byte_and_no_other),  cmocka_unit_test(finds_each_byte_that_changed),
		cmocka_unit_test(a_reserved_element_is_poisoned), cmocka_unit_test(a_write_after_the_free_is_reported),
		cmocka_unit_test(elements_of_a_bulk_are_checked), cmocka_unit_test(only_what_was_poisoned_is_checked),
	};
	return cmocka_run_group_tests_name("poison", tests, nullptr, nullptr);
}
