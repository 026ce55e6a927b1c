// SPDX-License-Identifier: MIT
//
// counted_lock.hpp - the locks of what a signal handler may call.
//
// A handler that interrupted a lock's holder would wait for ever. So each thread
// counts the locks of this kind that it holds or waits for, and whoever may run
// in a handler asks holds_locks() first, and does without. Such code is never
// called under a lock of this kind otherwise.
//
// Every lock that a fork freezes is of this kind: the forking thread waits for
// one while it holds others, which a handler that interrupted the one's holder
// must not wait for.
//
// Owner of the state: each thread counts for itself. No races: a handler leaves
// the count as it found it.
#pragma once

#include "reserve/base/lock.hpp"

#include <atomic>

namespace mp::base {

extern constinit thread_local std::atomic<int> locks_held;

/// Has the caller interrupted a thread that holds a lock, or is about to?
inline bool holds_locks()
{
	return locks_held.load(std::memory_order_relaxed) != 0;
}

class counted_lock {
      public:
	void lock()
	{
		count(1);
		lock_.lock();
	}
	/// Takes the lock if that needs no waiting.
	bool try_lock()
	{
		count(1);
		if (lock_.try_lock())
			return true;
		count(-1);
		return false;
	}
	void unlock()
	{
		lock_.unlock();
		count(-1);
	}
	void reset_in_child() { lock_.reset_in_child(); }

      private:
	static void count(int more)
	{
		// The fences are for a handler in this thread, which sees what the
		// compiler let happen by then.
		std::atomic_signal_fence(std::memory_order_seq_cst);
		locks_held.store(locks_held.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
		std::atomic_signal_fence(std::memory_order_seq_cst);
	}

	adaptive_lock lock_;
};

/// In a forked child, when all locks are reset: its one thread held them during the fork.
inline void forget_locks_in_child()
{
	locks_held.store(0, std::memory_order_relaxed);
}

} // namespace mp::base
