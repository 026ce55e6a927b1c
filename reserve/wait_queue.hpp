// SPDX-License-Identifier: MIT
//
// wait_queue.hpp - threads that sleep until elements come back: first in,
// first woken, but nobody is held back behind one that needs more (PAR-24).
//
// A waiter lives on its sleeper's stack. Being woken means being taken off the
// queue; whoever fails to get an element then queues again, with the place in
// line (the ticket) that it had.
//
// Owner of the state: the pool that embeds it. Race table:
//   enqueue, cancel, wake / the same   the lock
//   waiting / any                      an atomic read; see ORD-2 for what it may miss
//   sleep / wake                       the waiter's own futex word, ORD-4
// Context: takes a lock, so not for signal handlers.
#pragma once

#include "reserve/base/lock.hpp"

#include <cstdint>

namespace mp::reserve {

class wait_queue;

/// One thread's place in a queue.
class waiter {
      public:
	waiter() = default;
	waiter(const waiter &) = delete;
	waiter &operator=(const waiter &) = delete;

      private:
	friend class wait_queue;
	static constexpr uint32_t asleep = 0;
	static constexpr uint32_t woken = 1;

	waiter *previous_ = nullptr;
	waiter *next_ = nullptr;
	uint64_t ticket_ = 0; // 0: has never queued
	int need_ = 1;
	bool queued_ = false;
	base::futex_word state_{asleep};
};

class wait_queue {
      public:
	/// Queues a waiter that needs `need` elements.
	void enqueue(waiter &w, int need);

	/// Sleeps until the waiter is woken or the deadline (CLOCK_MONOTONIC) is
	/// over, and takes it off the queue. True when it was woken.
	bool sleep(waiter &w, uint64_t deadline_ns);

	/// Takes a waiter off the queue. True when it had been woken before.
	bool cancel(waiter &w);

	/// Threads that are queued now.
	int waiting() const { return count_.load(std::memory_order_relaxed); }

	/// Wakes, oldest first, those whose needs together are at most `available`.
	/// A need above `full` is one that the store can never serve: with `hopeless`
	/// such a waiter is woken by a full store, to try its luck elsewhere, and uses
	/// up nothing. Says how many were woken.
	int wake(int available, int full, bool hopeless = true);

	void freeze() { lock_.lock(); }
	void thaw() { lock_.unlock(); }
	/// The sleepers are threads of the parent: here the queue is empty.
	void thaw_in_child();

      private:
	void link(waiter &w);
	void unlink(waiter &w);

	waiter *oldest_ = nullptr;
	waiter *newest_ = nullptr;
	uint64_t last_ticket_ = 0;
	std::atomic<int> count_{0};
	base::adaptive_lock lock_;
};

} // namespace mp::reserve
