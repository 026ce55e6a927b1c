// SPDX-License-Identifier: MIT
//
// lock.hpp - a lock that spins briefly, then sleeps on a futex.
//
// Spinning serves the ordinary case, a section of some ten instructions on
// another CPU. Sleeping serves the bad one: the holder was preempted, and every
// further spin would only keep it from running again (SPEED.md: a spin lock
// falls by factors of 100 there).
//
// Not for signal handlers, but for try_lock(): the interrupted thread may be the
// holder. See also counted_lock.hpp.
#pragma once

#include "reserve/base/futex.hpp"

namespace mp::base {

class adaptive_lock {
      public:
	void lock()
	{
		uint32_t expected = unlocked;
		// acquire: pairs with the release in unlock(), ORD-3
		if (!state_.compare_exchange_strong(expected, locked, std::memory_order_acquire,
						    std::memory_order_relaxed)) [[unlikely]]
			lock_slow();
	}

	/// Never waits, so for signal handlers too.
	bool try_lock()
	{
		uint32_t expected = unlocked;
		// acquire: pairs with the release in unlock(), ORD-3
		return state_.compare_exchange_strong(expected, locked, std::memory_order_acquire,
						      std::memory_order_relaxed);
	}

	void unlock()
	{
		// release: pairs with the acquire in lock() and lock_slow(), ORD-3
		if (state_.exchange(unlocked, std::memory_order_release) == contended) [[unlikely]]
			futex_wake(&state_, 1);
	}

	/// In a forked child: the holder and the sleepers do not exist here.
	void reset_in_child() { state_.store(unlocked, std::memory_order_relaxed); }

      private:
	void lock_slow();

	static constexpr uint32_t unlocked = 0;
	static constexpr uint32_t locked = 1;
	static constexpr uint32_t contended = 2; // locked, and somebody may sleep

	futex_word state_{unlocked};
};

} // namespace mp::base
