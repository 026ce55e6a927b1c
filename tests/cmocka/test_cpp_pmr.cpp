// SPDX-License-Identifier: MIT
//
// test_cpp_pmr.cpp - mp::pool_resource: std::pmr containers whose nodes come from a pool.
//
// link: -Wl,--wrap=mempool_alloc_slab -Wl,--wrap=kmem_cache_create
#include "tests/cmocka/cpp_face.hpp"

#include "tests/cmocka/support.hpp"

#include <list>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/cmocka/cmocka_cpp.hpp"

namespace {

using namespace mp::test;

struct alignas(16) node {
	std::byte room[64];
};
using node_pool = mp::pool<node>;

static_assert(!std::is_copy_constructible_v<mp::pool_resource> && !std::is_copy_assignable_v<mp::pool_resource>);
static_assert(std::is_nothrow_constructible_v<mp::pool_resource, node_pool &>);
static_assert(!std::is_convertible_v<node_pool &, mp::pool_resource>);

/// Takes what the pool does not, and counts it.
class counting_resource : public std::pmr::memory_resource {
      public:
	int allocated = 0;
	int freed = 0;

      private:
	void *do_allocate(size_t bytes, size_t align) override
	{
		allocated++;
		return std::pmr::new_delete_resource()->allocate(bytes, align);
	}
	void do_deallocate(void *memory, size_t bytes, size_t align) override
	{
		freed++;
		std::pmr::new_delete_resource()->deallocate(memory, bytes, align);
	}
	bool do_is_equal(const memory_resource &other) const noexcept override { return this == &other; }
};

void a_list_lives_in_the_pool(void **)
{
	node_pool pool(8);
	mp::pool_resource resource(pool);
	{
		std::pmr::list<int> list(&resource);
		for (int i = 0; i < 100; i++)
			list.push_back(i);
		assert_int_equal(pool.stats().allocs, 100);
		assert_int_equal(pool.stats().frees, 0);
		list.remove_if([](int i) { return i % 2 == 0; });
		assert_int_equal(pool.stats().frees, 50);
		int expected = 1;
		for (const int i : list) {
			assert_int_equal(i, expected);
			expected += 2;
		}
	}
	assert_true(all_back(pool));
}

void maps_live_in_the_pool(void **)
{
	node_pool pool(8);
	mp::pool_resource resource(pool);
	{
		std::pmr::map<int, long> map(&resource);
		for (int i = 99; i >= 0; i--)
			map[i] = i * 2L;
		assert_int_equal(pool.stats().allocs, 100);
		assert_int_equal(map.at(50), 100);
		std::pmr::map<int, long> moved(std::move(map), &resource); // equal resources: no copies
		assert_int_equal(pool.stats().allocs, 100);
		assert_int_equal(moved.size(), 100);
	}
	assert_true(all_back(pool));
}

void other_sizes_go_upstream(void **)
{
	node_pool pool(8);
	counting_resource upstream;
	mp::pool_resource resource(pool, &upstream);
	assert_ptr_equal(resource.upstream_resource(), &upstream);
	{
		std::pmr::unordered_map<int, int> map(&resource); // nodes fit; the array of buckets does not
		for (int i = 0; i < 100; i++)
			map[i] = i;
		assert_true(upstream.allocated > 0);
		assert_true(pool.stats().allocs >= 100);
		std::pmr::vector<std::pmr::string> strings(&resource);
		strings.emplace_back(500, 's');
		strings.emplace_back(40, 's');
	}
	assert_int_equal(upstream.allocated, upstream.freed);
	assert_true(all_back(pool));
}

void a_fit_is_size_and_alignment(void **)
{
	node_pool pool(2);
	counting_resource upstream;
	mp::pool_resource resource(pool, &upstream);
	assert_true(resource.fits(64, 16) && resource.fits(0, 1) && resource.fits(1, 8));
	assert_false(resource.fits(65, 1) || resource.fits(8, 32));
	for (const auto &[bytes, align, upwards] :
	     {std::tuple<size_t, size_t, int>{64, 16, 0}, {1, 1, 0}, {65, 1, 1}, {8, 32, 1}}) {
		upstream.allocated = 0;
		void *memory = resource.allocate(bytes, align);
		assert_int_equal(reinterpret_cast<uintptr_t>(memory) % align, 0);
		assert_int_equal(upstream.allocated, upwards);
		resource.deallocate(memory, bytes, align);
	}
	assert_int_equal(upstream.freed, 2);
	assert_true(all_back(pool));
}

void without_an_upstream_the_rest_is_refused(void **)
{
	node_pool pool(2);
	mp::pool_resource resource(pool);
	assert_ptr_equal(resource.upstream_resource(), std::pmr::null_memory_resource());
	const thrown what = what_throws([&] { static_cast<void>(resource.allocate(65)); });
	assert_int_equal(what, thrown::bad_alloc);
	assert_int_equal(pool.stats().allocs, 0);
}

void a_dry_backing_is_no_reason_to_throw(void **)
{
	node_pool pool(8);
	mp::pool_resource resource(pool);
	const drought d;
	const thrown what = what_throws([&] {
		std::pmr::list<int> list(&resource);
		for (int round = 0; round < 10; round++) {
			for (int i = 0; i < 8; i++)
				list.push_back(i);
			list.clear();
		}
	});
	assert_int_equal(what, thrown::nothing);
	assert_int_equal(pool.stats().from_reserve, 80);
	assert_int_equal(pool.curr_nr(), 8);
}

void a_mask_that_must_not_sleep_throws(void **)
{
	node_pool pool(2);
	mp::pool_resource resource(pool, std::pmr::null_memory_resource(), GFP_NOWAIT);
	const drought d;
	std::pmr::list<int> list(&resource);
	list.push_back(1);
	list.push_back(2);
	const thrown what = what_throws([&] { list.push_back(3); });
	assert_int_equal(what, thrown::bad_alloc);
	assert_int_equal(list.size(), 2);
}

void serves_a_pool_of_the_c_face(void **)
{
	mempool_t pool = {};
	assert_int_equal(mempool_init_kmalloc_pool(&pool, 4, 128), 0);
	{
		mp::pool_resource resource(&pool, 128, 16);
		assert_ptr_equal(resource.native_handle(), &pool);
		std::pmr::list<std::array<char, 100>> list(&resource);
		list.emplace_back();
		struct mempool_statistics figures = {};
		figures.size = sizeof(figures);
		mempool_stats(&pool, &figures);
		assert_int_equal(figures.allocs, 1);
	}
	mempool_exit(&pool);
}

void is_equal_to_itself_alone(void **)
{
	node_pool pool(1);
	const mp::pool_resource resource(pool);
	const mp::pool_resource same_pool(pool);
	assert_true(resource.is_equal(resource));
	assert_false(resource.is_equal(same_pool));
	assert_false(resource.is_equal(*std::pmr::new_delete_resource()));
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(a_list_lives_in_the_pool),
		cmocka_unit_test(maps_live_in_the_pool),
		cmocka_unit_test(other_sizes_go_upstream),
		cmocka_unit_test(a_fit_is_size_and_alignment),
		cmocka_unit_test(without_an_upstream_the_rest_is_refused),
		cmocka_unit_test(a_dry_backing_is_no_reason_to_throw),
		cmocka_unit_test(a_mask_that_must_not_sleep_throws),
		cmocka_unit_test(serves_a_pool_of_the_c_face),
		cmocka_unit_test(is_equal_to_itself_alone),
	};
	return cmocka_run_group_tests_name("C++ face: pmr", tests, nullptr, nullptr);
}
