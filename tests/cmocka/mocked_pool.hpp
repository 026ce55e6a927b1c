// SPDX-License-Identifier: MIT
//
// mocked_pool.hpp - a pool whose callbacks are cmocka's mocks: each call must
// have been announced, with its mask or element, in the order of all calls.
#pragma once

#include "futex_script.hpp"
#include "support.hpp"

#include "mempool/core/masks.hpp"
#include "mempool/mempool-debug.h"
#include "mempool/mempool.h"

#include <cerrno>
#include <cstring>
#include <functional>
#include <initializer_list>

#include "cmocka_cpp.hpp"

namespace mp::test {

// What the backing sees of GFP_KERNEL: not touched, in a first pass, in a second one.
inline constexpr gfp_t untouched = GFP_KERNEL;
inline constexpr gfp_t full_pass = core::full_mask(GFP_KERNEL);
inline constexpr gfp_t first_pass = core::first_mask(full_pass);

/// Runs inside the next mocked call, as another thread would at that moment.
inline std::function<void()> meanwhile;

inline void play_meanwhile()
{
	if (!meanwhile)
		return;
	const std::function<void()> now = std::move(meanwhile);
	meanwhile = nullptr;
	now();
}

inline void *mocked_alloc(gfp_t gfp_mask, void *pool_data)
{
	function_called();
	check_expected(gfp_mask);
	check_expected_ptr(pool_data);
	play_meanwhile();
	return mock_ptr_type(void *);
}

inline void mocked_free(void *element, void *pool_data)
{
	function_called();
	check_expected_ptr(element);
	check_expected_ptr(pool_data);
	play_meanwhile();
}

/// What the mocks are handed as pool_data.
inline void *const mocked_data = &meanwhile;

/// Elements by number; 0 is NULL.
inline void *element(int n)
{
	static char elements[64][16];
	return n == 0 ? nullptr : elements[n];
}

inline void expect_alloc(gfp_t gfp_mask, int gives)
{
	expect_function_call(mocked_alloc);
	expect_value(mocked_alloc, gfp_mask, gfp_mask);
	expect_value(mocked_alloc, pool_data, mocked_data);
	will_return(mocked_alloc, element(gives));
}

inline void expect_free(int n)
{
	expect_function_call(mocked_free);
	expect_value(mocked_free, element, element(n));
	expect_value(mocked_free, pool_data, mocked_data);
}

inline void expect_frees(std::initializer_list<int> elements)
{
	for (const int n : elements)
		expect_free(n);
}

/// A pool with elements 1 to max(1, min_nr) in its reserve, and no reports yet.
class mocked_pool {
      public:
	explicit mocked_pool(int min_nr, mempool_store store = MEMPOOL_STORE_SPREAD)
	{
		futex_reset();
		meanwhile = nullptr;
		catch_reports();
		for (int n = 1; n <= (min_nr > 0 ? min_nr : 1); n++)
			expect_alloc(untouched, n);
		mempool_attr attr = MEMPOOL_ATTR_INIT;
		attr.store = store;
		assert_int_equal(mempool_init_attr(&pool, min_nr, mocked_alloc, mocked_free, mocked_data, &attr), 0);
	}

	/// Ends it; these come out of the reserve, in this order.
	void exit(std::initializer_list<int> reserved)
	{
		expect_frees(reserved);
		mempool_exit(&pool);
		assert_false(mempool_initialized(&pool));
	}

	/// Takes the whole reserve, without a call to the backing.
	void drain()
	{
		while (mempool_alloc_preallocated(&pool) != nullptr)
			continue;
		assert_int_equal(mempool_curr_nr(&pool), 0);
	}

	void alloc(gfp_t gfp_mask, int gives) { assert_ptr_equal(mempool_alloc(&pool, gfp_mask), element(gives)); }
	void free(int n) { mempool_free(element(n), &pool); }

	one_cpu pinned;
	mempool_t pool = {};
};

} // namespace mp::test
