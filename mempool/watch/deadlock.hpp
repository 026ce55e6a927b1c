// SPDX-License-Identifier: MIT
//
// deadlock.hpp - for the debug option "deadlock": before a thread goes to sleep
// for an element, would anybody ever wake it?
//
// Who holds what is the tracker's. Here is who waits, and the search over both:
// of all sleepers take away, again and again, each whose pool could still get
// enough elements from its reserve, from a thread that does not sleep, or from
// hands that are not known. What is left waits for itself: as long as the
// backings give nothing, none of these threads goes on. Coffman's conditions are
// met for counted resources (Holt, 1972), not only where there is a cycle.
//
// Such a find is certain where nobody else could free an element: when no other
// thread exists, or the pools' owners have promised that who takes an element
// frees it. Otherwise it is possible: elements may have been handed over.
//
// Owner of the state: deadlock.cpp has the list of sleepers, each of which lies
// on its thread's stack; a pool embeds its contended_pool.
// Race table: all calls may run together; the search has a lock. What moves
// meanwhile is either seen, or seen to have moved (contended_pool::moves).
#pragma once

#include "mempool/watch/tracker.hpp"

#include <atomic>
#include <cstdint>

namespace mp::watch {

/// What the search has to know of a pool that tracks its elements.
struct contended_pool {
	const void *pool = nullptr;
	const char *name = nullptr;
	tracker *elements = nullptr;
	int (*level)(const void *pool) = nullptr;
	int (*target)(const void *pool) = nullptr;

	std::atomic<int> inside{0};     // threads in a call, whose element may not be noted yet
	std::atomic<unsigned> moves{0}; // such calls so far
	std::atomic<bool> freed_by_handler{false};
	std::atomic<bool> thread_owned{false}; // who takes an element frees it: promised
	static constexpr unsigned most_told = 16;
	std::atomic<uintptr_t> told[most_told] = {}; // where sleeps began that were reported, so that each is once
};

/// A thread is in a call that may take or give an element of this pool. nullptr: of no interest.
class inside_call {
      public:
	explicit inside_call(contended_pool *pool) : pool_(pool)
	{
		if (pool_ != nullptr) [[unlikely]]
			enter();
	}
	~inside_call()
	{
		if (pool_ != nullptr) [[unlikely]]
			leave();
	}
	inside_call(const inside_call &) = delete;
	inside_call &operator=(const inside_call &) = delete;

	const contended_pool *pool() const { return pool_; }
	const inside_call *outer() const { return outer_; }

      private:
	void enter();
	void leave();

	contended_pool *pool_;
	inside_call *outer_ = nullptr; // the same thread's call around this one
};

/// A thread that goes to sleep, from here to the end of the scope: searches first, and reports.
class contended_sleep {
      public:
	/// nullptr: of no interest. Without a deadline only: others wake by themselves.
	contended_sleep(contended_pool *pool, int need);
	~contended_sleep();
	contended_sleep(const contended_sleep &) = delete;
	contended_sleep &operator=(const contended_sleep &) = delete;

	/// Calls for `other` that the sleeping thread is in.
	int calls_of(const contended_pool &other) const;

	contended_pool *pool;
	int need;
	uint64_t thread;
	int tid;
	const inside_call *calls; // that the thread is in, the innermost first
	base::stack_trace where;
	contended_sleep *next = nullptr;
	contended_sleep *previous = nullptr;
	bool stuck = false;
	bool involved = false;
};

/// An element that comes back: was it taken by this thread, as was promised?
void check_owner(contended_pool &pool, const void *element);

/// In a forked child: the calls that other threads were in are over.
void forget_other_threads(contended_pool &pool);

/// Fork: only the forking thread is left, and it does not sleep.
void deadlock_freeze();
void deadlock_thaw();
void deadlock_thaw_in_child();

} // namespace mp::watch
