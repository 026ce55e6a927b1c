// SPDX-License-Identifier: MIT
//
// test_fault_sweep.cpp - the C++ face, swept by fault-test.h: making a pool,
// elements, growing. What throws is caught inside the block.
#include <cstdarg>
#include <mempool/mempool.hpp>
#include <new>
#include <string>

#include "cmocka_cpp.hpp"
#include <mempool/fault-test.h>

namespace {

struct message {
	std::string text;
	int number;
};

/// What is told to the sweep: 0, or the error that an exception stands for.
template <class Call> int error_of(Call call)
{
	try {
		call();
	} catch (const std::bad_alloc &) {
		return -ENOMEM;
	}
	return 0;
}

void making_a_pool_throws_or_works(void **)
{
	mempool_fault_sweep sweep = MEMPOOL_FAULT_SWEEP_INIT;
	MEMPOOL_FAULT_SWEEP(&sweep)
	{
		mempool_fault_sweep_error(&sweep, error_of([] { mp::pool<message> pool(3); }));
	}
	assert_true(sweep.single >= 2);
	MEMPOOL_FAULT_SWEEP(&sweep)
	{
		mp::pool<message> pool(std::nothrow, 3);
		mempool_fault_sweep_error(&sweep, -pool.error());
		MEMPOOL_FAULT_CHECK(&sweep, pool.valid() == (pool.error() == 0));
	}
	assert_true(sweep.single >= 2);
}

void elements_always_come(void **)
{
	mp::pool<message> pool(4);
	mempool_fault_sweep sweep = MEMPOOL_FAULT_SWEEP_INIT;
	MEMPOOL_FAULT_SWEEP(&sweep)
	{
		auto one = pool.make(GFP_KERNEL, message{"sshd", 6});
		MEMPOOL_FAULT_CHECK(&sweep, one->number == 6);
		auto two = pool.make(GFP_KERNEL, message{"cron", 7});
		MEMPOOL_FAULT_CHECK(&sweep, two->number == 7);
	}
	assert_true(sweep.single >= 2);
}

void growing_tells_or_works(void **)
{
	mp::pool<message> pool(2);
	mempool_fault_sweep sweep = MEMPOOL_FAULT_SWEEP_INIT;
	MEMPOOL_FAULT_SWEEP(&sweep)
	{
		mempool_fault_sweep_error(&sweep, pool.resize(9));
		MEMPOOL_FAULT_AFTER(&sweep) MEMPOOL_FAULT_CHECK(&sweep, pool.resize(2) == 0);
	}
	assert_true(sweep.single >= 1);
}

} // namespace

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(making_a_pool_throws_or_works),
		cmocka_unit_test(elements_always_come),
		cmocka_unit_test(growing_tells_or_works),
	};
	return cmocka_run_group_tests_name("sweeps of the C++ face", tests, nullptr, nullptr);
}
