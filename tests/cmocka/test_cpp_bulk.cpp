// SPDX-License-Identifier: MIT
//
// test_cpp_bulk.cpp - mp::pool<T>: several elements at once.
//
// link: -Wl,--wrap=mempool_alloc_slab -Wl,--wrap=kmem_cache_create
#include "tests/cmocka/cpp_face.hpp"

#include "tests/cmocka/support.hpp"

#include <array>
#include <cstdlib>
#include <thread>
#include <vector>

#include "tests/cmocka/cmocka_cpp.hpp"

// operator new[] with std::nothrow fails when told to. None is inlined: compilers would see malloc() meet delete[].
namespace {
bool no_arrays = false;
} // namespace
[[gnu::noinline]] void *operator new[](size_t bytes)
{
	if (void *memory = malloc(bytes > 0 ? bytes : 1))
		return memory;
	throw std::bad_alloc();
}
[[gnu::noinline]] void *operator new[](size_t bytes, const std::nothrow_t &) noexcept
{
	return no_arrays ? nullptr : malloc(bytes > 0 ? bytes : 1);
}
[[gnu::noinline]] void operator delete[](void *memory) noexcept
{
	free(memory);
}
[[gnu::noinline]] void operator delete[](void *memory, size_t) noexcept
{
	free(memory);
}

namespace {

using namespace mp::test;
using counted_pool = mp::pool<counted>;
using counted_bulk = counted_pool::bulk;

static_assert(!std::is_copy_constructible_v<counted_bulk> && std::is_nothrow_move_constructible_v<counted_bulk>);
static_assert(!std::is_convertible_v<counted_bulk, bool>);

int start_test(void **)
{
	counted::reset();
	catch_reports();
	return 0;
}

void fills_only_empty_slots(void **)
{
	counted_pool pool(4);
	counted *const own = pool.alloc(GFP_KERNEL);
	std::array<counted *, 3> slots = {nullptr, own, nullptr};
	assert_true(pool.alloc_bulk(slots));
	assert_ptr_equal(slots[1], own);
	assert_true(slots[0] != nullptr && slots[2] != nullptr && slots[0] != slots[2]);
	assert_int_equal(pool.stats().allocs, 3);
	pool.free_bulk(slots);
	assert_true(all_back(pool));
	assert_int_equal(reports_caught(), 0);
}

void gives_back_more_than_the_reserve_takes(void **)
{
	counted_pool pool(3);
	std::array<counted *, 3> slots = {};
	{
		const drought d(2);
		pool.alloc_bulk(slots); // one of the three from the reserve
	}
	assert_int_equal(pool.curr_nr(), 2);
	pool.free_bulk(slots);
	assert_int_equal(pool.curr_nr(), 3);
	assert_int_equal(pool.stats().to_reserve, 1);
	assert_true(all_back(pool));
	pool.free_bulk({});
	assert_true(all_back(pool));
}

void refuses_more_than_the_reserve_holds(void **)
{
	counted_pool pool(3);
	std::array<counted *, 4> slots = {};
	const thrown raw = what_throws([&] { pool.alloc_bulk(slots); });
	assert_int_equal(raw, thrown::length_error);
	const thrown made = what_throws([&] { static_cast<void>(pool.make_bulk(slots)); });
	assert_int_equal(made, thrown::length_error);
	const thrown counted_out = what_throws([&] { static_cast<void>(pool.make_bulk(4)); });
	assert_int_equal(counted_out, thrown::length_error);
	const thrown huge = what_throws([&] { static_cast<void>(pool.make_bulk(SIZE_MAX)); });
	assert_int_equal(huge, thrown::length_error);
	assert_int_equal(pool.stats().allocs, 0);
	assert_int_equal(reports_caught(), 0);
	assert_int_equal(pool.resize(4), 0);
	assert_true(pool.alloc_bulk(slots));
	pool.free_bulk(slots);
}

void makes_all_in_the_callers_storage(void **)
{
	counted_pool pool(4);
	std::array<counted *, 4> slots = {};
	slots.fill(reinterpret_cast<counted *>(16)); // what was there does not matter
	{
		const counted_bulk elements = pool.make_bulk(slots, 9);
		assert_true(static_cast<bool>(elements));
		assert_false(elements.empty());
		assert_int_equal(elements.size(), 4);
		assert_int_equal(counted::alive, 4);
		size_t i = 0;
		for (counted *element : elements) {
			assert_ptr_equal(element, slots[i]);
			assert_ptr_equal(&elements[i], element);
			assert_ptr_equal(elements.at(i), element);
			assert_int_equal(element->value, 9);
			i++;
		}
		assert_int_equal(i, 4);
		assert_int_equal(elements.elements().size(), 4);
		const thrown beyond = what_throws([&] { elements.at(4)->value = 1; });
		assert_int_equal(beyond, thrown::out_of_range);
	}
	assert_int_equal(counted::alive, 0);
	assert_true(all_back(pool));
}

void makes_all_in_storage_of_its_own(void **)
{
	counted_pool pool(4);
	{
		const counted_bulk elements = pool.make_bulk(3, 2);
		assert_int_equal(elements.size(), 3);
		assert_int_equal(elements[2].value, 2);
		const counted_bulk none = pool.make_bulk(size_t{0});
		assert_true(none.empty());
		assert_false(static_cast<bool>(none));
	}
	assert_int_equal(counted::alive, 0);
	assert_true(all_back(pool));
}

void takes_nothing_without_storage(void **)
{
	counted_pool pool(4);
	no_arrays = true;
	const thrown what = what_throws([&] { static_cast<void>(pool.make_bulk(3)); });
	no_arrays = false;
	assert_int_equal(what, thrown::bad_alloc);
	assert_int_equal(pool.stats().allocs, 0);
}

void gives_all_back_when_a_constructor_throws(void **)
{
	counted_pool pool(4);
	std::array<counted *, 4> slots = {};
	for (int nth = 1; nth <= 4; nth++) {
		counted::throw_at = nth;
		const thrown borrowed = what_throws([&] { static_cast<void>(pool.make_bulk(slots)); });
		counted::throw_at = nth;
		const thrown owned = what_throws([&] { static_cast<void>(pool.make_bulk(4)); });
		assert_int_equal(borrowed, thrown::runtime_error);
		assert_int_equal(owned, thrown::runtime_error);
		assert_int_equal(counted::alive, 0);
		assert_true(all_back(pool));
	}
	assert_int_equal(pool.stats().allocs, 4 * 2 * 4);
	assert_int_equal(counted::made, 2 * (0 + 1 + 2 + 3));
}

void moves(void **)
{
	counted_pool pool(4);
	counted_bulk elements = pool.make_bulk(2, 1);
	counted *const first = elements.at(0);
	counted_bulk moved(std::move(elements));
	assert_true(elements.empty()); // NOLINT(*-use-after-move,*Move): what a moved handle is like
	assert_ptr_equal(moved.at(0), first);
	counted_bulk other = pool.make_bulk(3, 2);
	assert_int_equal(counted::alive, 5);
	other = std::move(moved);
	assert_int_equal(counted::alive, 2);
	assert_ptr_equal(other.at(0), first);
	counted_bulk &same = other;
	other = std::move(same);
	assert_int_equal(other.size(), 2);
	other = counted_bulk();
	assert_int_equal(counted::alive, 0);
	assert_true(all_back(pool));
}

void survives_its_pools_move(void **)
{
	counted_pool pool(4);
	counted_bulk elements = pool.make_bulk(4);
	counted_pool moved(std::move(pool));
	elements = counted_bulk();
	assert_true(all_back(moved));
	assert_int_equal(moved.curr_nr(), 4);
}

void comes_from_the_reserve_as_a_whole(void **)
{
	counted_pool pool(4);
	const drought d;
	const counted_bulk all = pool.make_bulk(4);
	assert_int_equal(all.size(), 4);
	assert_int_equal(pool.curr_nr(), 0);
	assert_int_equal(pool.stats().from_reserve, 4);
}

void sleeps_until_all_can_be_had(void **)
{
	counted_pool pool(3);
	const drought d;
	std::vector<counted_pool::ptr> singles;
	singles.reserve(3);
	for (int i = 0; i < 3; i++)
		singles.push_back(pool.make(GFP_KERNEL));
	std::atomic<size_t> got{0};
	std::thread sleeper([&] { got = pool.make_bulk(3).size(); });
	bool slept = eventually([&] { return pool.stats().waiters == 1; });
	singles.pop_back();
	singles.pop_back();
	slept = slept && !happens([&] { return got != 0; });
	singles.pop_back();
	sleeper.join();
	assert_true(slept);
	assert_int_equal(got, 3);
	assert_true(all_back(pool));
}

} // namespace

int main()
{
#define TEST(name) cmocka_unit_test_setup(name, start_test)
	const CMUnitTest tests[] = {
		TEST(fills_only_empty_slots),
		TEST(gives_back_more_than_the_reserve_takes),
		TEST(refuses_more_than_the_reserve_holds),
		TEST(makes_all_in_the_callers_storage),
		TEST(makes_all_in_storage_of_its_own),
		TEST(takes_nothing_without_storage),
		TEST(gives_all_back_when_a_constructor_throws),
		TEST(moves),
		TEST(survives_its_pools_move),
		TEST(comes_from_the_reserve_as_a_whole),
		TEST(sleeps_until_all_can_be_had),
	};
	return cmocka_run_group_tests_name("C++ face: bulk", tests, nullptr, nullptr);
}
