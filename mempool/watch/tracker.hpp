// SPDX-License-Identifier: MIT
//
// tracker.hpp - for the debug options "track" and "deadlock": which of a pool's
// elements are out, and who took them. Tells a double free from a foreign one.
//
// A hash table of addresses with open addressing. It grows with the number of
// different addresses seen; when memory for that is not to be had it gives up
// judging, and says nothing rather than something wrong. It does so too for the
// elements of a signal handler that interrupted a lock's holder.
//
// Owner of the state: the pool that embeds it. Race table: all calls may run
// together, under its lock.
#pragma once

#include "reserve/base/counted_lock.hpp"
#include "reserve/base/stack_trace.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace mp::watch {

/// The calling thread; a number is not used again.
uint64_t this_thread_number();

class tracker {
      public:
	enum class verdict { fine, double_free, foreign };

	/// False when the table cannot be had.
	[[nodiscard]] bool init();
	void destroy();

	/// An element leaves the pool. The caller's stack is kept with it.
	void note_alloc(const void *element);

	/// An element comes back. For a double free, `freed_by` is who freed it first.
	verdict note_free(const void *element, base::stack_trace &freed_by);

	/// An element stays with a caller who may give it to the backing himself, or
	/// to the pool after all: neither is a mistake.
	void note_left(const void *element);

	/// An element will be freed by nobody in particular: by whoever ends a grace period.
	void note_handed_over(const void *element);

	/// Is it out, and was it taken by another thread than this?
	bool is_others(const void *element);

	/// What is out, and how much of it one thread took.
	struct holding {
		size_t count = 0;        // by the thread asked for
		size_t all = 0;          // by anybody
		base::stack_trace taken; // where the thread took one of them
		bool complete = true;    // nothing was missed
	};
	holding held_by(uint64_t thread);

	/// Elements out now; `one` and `taken_by` tell one of them.
	size_t count_out(const void **one, base::stack_trace &taken_by);

	void freeze() { lock_.lock(); }
	void thaw() { lock_.unlock(); }
	void thaw_in_child() { lock_.reset_in_child(); }

      private:
	enum class place : uint8_t { home, out, left };
	struct record {
		const void *element; // nullptr: free
		place where;
		uint64_t thread;      // who took it, this_thread_number(); 0: it was handed over
		base::stack_trace by; // who took it, or who gave it back
	};

	/// Where the element is, or where it would go; nullptr when the table is full.
	record *find(const void *element) const;
	bool grow();

	record *table_ = nullptr;
	size_t capacity_ = 0; // a power of two
	size_t used_ = 0;
	bool complete_ = true;
	std::atomic<bool> missed_{false}; // what a handler did: nothing is certain from then on
	base::counted_lock lock_;
};

} // namespace mp::watch
