// SPDX-License-Identifier: MIT
//
// lock.cpp - see lock.hpp and counted_lock.hpp.
#include "reserve/base/counted_lock.hpp"

#include "reserve/base/clock.hpp"
#include "reserve/base/cpu.hpp"

namespace mp::base {

constinit thread_local std::atomic<int> locks_held{0};

void adaptive_lock::lock_slow()
{
	// About a microsecond: longer than any section that holds this lock, shorter
	// than going to sleep and being woken.
	constexpr int spins = 40;
	for (int i = 0; i < spins; i++) {
		uint32_t expected = unlocked;
		// acquire: pairs with the release in unlock(), ORD-3
		if (state_.load(std::memory_order_relaxed) == unlocked &&
		    state_.compare_exchange_weak(expected, locked, std::memory_order_acquire,
						 std::memory_order_relaxed))
			return;
		cpu_relax();
	}
	// Whoever gets the lock here leaves it marked as contended: others may sleep
	// too, and one wake-up too many is cheaper than one too few.
	// acquire: pairs with the release in unlock(), ORD-3
	while (state_.exchange(contended, std::memory_order_acquire) != unlocked)
		futex_wait(state_, contended, never_ns);
}

} // namespace mp::base
