// SPDX-License-Identifier: MIT
//
// spread_fixture.hpp - a spread store whose steps a test can come in between,
// for test_spread_store.cpp and test_spread_between.cpp.
#pragma once

#include "stepping_atomics.hpp"
#include "store_threads.hpp"

#include "reserve/spread_store_parts.hpp"

#include <memory>

#include "cmocka_cpp.hpp"

namespace mp::test {

using reserve::step;

using stepped_store = reserve::basic_spread_store<stepping_atomics>;
static_assert(reserve::made_store<stepped_store>);

inline void at(step s, const std::function<void()> &action)
{
	stepping_atomics::actions[s] = action;
}

/// Works as another CPU for a while.
class as_cpu {
      public:
	explicit as_cpu(unsigned cpu) : before_(std::exchange(stepping_atomics::cpu_now, cpu)) {}
	~as_cpu() { stepping_atomics::cpu_now = before_; }
	as_cpu(const as_cpu &) = delete;
	as_cpu &operator=(const as_cpu &) = delete;

      private:
	unsigned before_;
};

inline void *entry(int n)
{
	return reinterpret_cast<void *>(uintptr_t{0x10000} + static_cast<uintptr_t>(n) * 16);
}

inline int number_of(const void *e)
{
	return e == nullptr ? -1 : static_cast<int>((reinterpret_cast<uintptr_t>(e) - 0x10000) / 16);
}

struct spread_fixture {
	explicit spread_fixture(int target)
		: memory(stepped_store::bytes_for(target)), s(std::make_unique<stepped_store>())
	{
		stepping_atomics::actions.clear();
		stepping_atomics::cpu_now = 0;
		s->init(memory.start(), target);
	}
	stepped_store *operator->() { return s.get(); }
	void fill(int n)
	{
		for (int i = 0; i < n; i++)
			assert_true(s->give(entry(i)));
	}
	void grow(int target)
	{
		reserve::memory_block block;
		block.bytes = s->bytes_to_grow(target);
		if (block.bytes > 0)
			block.start = more.emplace_back(block.bytes).start();
		s->grow(block, target);
	}
	/// Takes until there is nothing, and finds exactly these, in whatever order.
	void assert_holds(std::vector<int> expected)
	{
		std::vector<int> found;
		assert_int_equal(s->level(), expected.size());
		assert_int_equal(s->count(1 << 30), expected.size());
		while (void *e = s->take())
			found.push_back(number_of(e));
		std::sort(found.begin(), found.end());
		assert_true(found == expected);
		assert_int_equal(s->level(), 0);
	}
	zeroed_memory memory;
	std::deque<zeroed_memory> more;
	std::unique_ptr<stepped_store> s;
};

} // namespace mp::test
