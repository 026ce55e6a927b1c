// SPDX-License-Identifier: MIT
//
// wait_queue.hpp - threads that sleep until elements come back: first in,
// first woken, but nobody is held back behind one that needs more (PAR-24).
//
// A waiter lives on its sleeper's stack. Being woken means being taken off the
// queue; whoever fails to get an element then queues again, with the place in
// line (the ticket) that it had.
//
// Waking never waits. Who finds the lock taken leaves word in pending_, and the
// holder, whatever it took the lock for, looks there after it unlocked and does
// the waking itself (ORD-9). So a signal handler may wake, though it interrupted
// the holder, and a holder that was preempted holds up no free.
//
// Owner of the state: the pool that embeds it. Race table:
//   enqueue, cancel / the same         the lock
//   wake / enqueue, cancel, wake       the lock, or its holder does it, ORD-9
//   waiting / any                      an atomic read; see ORD-2 for what it may miss
//   sleep / wake                       the waiter's own futex word, ORD-4
// Context: wake() and waiting() any; the others not from signal handlers.
#pragma once

#include "reserve/atomics.hpp"

#include <atomic>
#include <cstdint>

namespace mp::reserve {

template <class Atomics> class basic_wait_queue;

/// Told of each waiter before it is woken, by who wakes it and under the queue's
/// lock: what waiter::set_label() gave, and what it needs. nullptr: nobody is.
using wake_told_fn = void(uint64_t label, int need);
inline constinit std::atomic<wake_told_fn *> wake_told{nullptr};

/// One thread's place in a queue.
template <class Atomics> class basic_waiter {
      public:
	basic_waiter() = default;
	basic_waiter(const basic_waiter &) = delete;
	basic_waiter &operator=(const basic_waiter &) = delete;

	void set_label(uint64_t label) { label_ = label; }

      private:
	friend class basic_wait_queue<Atomics>;
	static constexpr uint32_t asleep = 0;
	static constexpr uint32_t woken = 1;

	basic_waiter *previous_ = nullptr;
	basic_waiter *next_ = nullptr;
	uint64_t ticket_ = 0; // 0: has never queued
	int need_ = 1;
	uint64_t label_ = 0;
	bool queued_ = false;
	typename Atomics::futex_word state_{asleep};
};

/// What there is for those who wait, from who has it. The queue looks when it
/// wakes, under its lock, so that who asked finds its own element counted.
struct supply {
	int (*available)(void *of, int limit); // elements there are now, counted up to `limit` at least
	int (*full)(void *of);                 // as many as there can ever be
	void *of;
};

template <class Atomics> class basic_wait_queue {
      public:
	using waiter = basic_waiter<Atomics>;

	explicit basic_wait_queue(const supply &supply) : supply_(supply) {}

	/// Queues a waiter that needs `need` elements.
	void enqueue(waiter &w, int need);

	/// Sleeps until the waiter is woken or the deadline (CLOCK_MONOTONIC) is
	/// over, and takes it off the queue. True when it was woken.
	bool sleep(waiter &w, uint64_t deadline_ns);

	/// Takes a waiter off the queue. True when it had been woken before.
	bool cancel(waiter &w);

	/// Threads that are queued now.
	int waiting() const { return count_.load(std::memory_order_relaxed); }
	/// The same, in order with other seq_cst operations (ORD-2).
	int waiting_in_order() const { return count_.load(std::memory_order_seq_cst); }

	/// Wakes, oldest first, those whose needs together the supply can serve. A
	/// need above full() is one that it never can: with `news` such a waiter is
	/// woken by a full store, to try its luck elsewhere, and uses up nothing.
	/// When somebody has the lock, he does it.
	void wake(bool news)
	{
		// release: pairs with the acquire in settle(), ORD-9
		pending_.fetch_or(news ? asked | asked_with_news : asked, std::memory_order_release);
		settle();
	}

	void freeze() { lock_.lock(); }
	void thaw()
	{
		lock_.unlock();
		settle();
	}
	/// The sleepers are threads of the parent: here the queue is empty.
	void thaw_in_child();

      private:
	static constexpr unsigned asked = 1;
	static constexpr unsigned asked_with_news = 2;

	void settle();
	void serve(bool news);
	void link(waiter &w);
	void unlink(waiter &w);

	const supply supply_;
	waiter *oldest_ = nullptr;
	waiter *newest_ = nullptr;
	uint64_t last_ticket_ = 0;
	int64_t needs_ = 0; // of those that are queued
	typename Atomics::template atomic<int> count_{0};
	typename Atomics::template atomic<unsigned> pending_{0};
	typename Atomics::lock lock_;
};

using wait_queue = basic_wait_queue<native_atomics>;
using waiter = wait_queue::waiter;
extern template class basic_wait_queue<native_atomics>;

} // namespace mp::reserve
