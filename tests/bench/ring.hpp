// SPDX-License-Identifier: MIT
//
// ring.hpp - pointers from one thread to another.
//
// push: one thread; pop: one other. Each keeps what it last saw of the other's
// index, so that most calls stay on its own cache lines.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <sched.h>

namespace bench {

class ring {
      public:
	static constexpr unsigned capacity = 1024;

	/// Waits while the ring is full.
	void push(void *element)
	{
		const size_t at = written_.load(std::memory_order_relaxed);
		if (at - seen_read_ == capacity) {
			unsigned tries = 0;
			do
				wait(tries++);
			// acquire: pairs with pop()'s release, after which the slot is ours
			while (at - (seen_read_ = read_.load(std::memory_order_acquire)) == capacity);
		}
		slots_[at % capacity] = element;
		written_.store(at + 1, std::memory_order_release); // release: pairs with pop()'s acquire
	}

	/// The oldest pointer; NULL when there was none for a while.
	void *pop()
	{
		const size_t at = read_.load(std::memory_order_relaxed);
		for (unsigned tries = 0; at == seen_written_; tries++) {
			seen_written_ =
				written_.load(std::memory_order_acquire); // acquire: pairs with push()'s release
			if (at != seen_written_)
				break;
			if (tries == 200)
				return nullptr;
			wait(tries);
		}
		void *element = slots_[at % capacity];
		read_.store(at + 1, std::memory_order_release); // release: pairs with push()'s acquire
		return element;
	}

      private:
	// The other may have been preempted, or share our CPU.
	static void wait(unsigned tries)
	{
		if (tries % 100 == 99)
			sched_yield();
#if defined(__x86_64__)
		else
			__builtin_ia32_pause();
#endif
	}

	alignas(128) std::atomic<size_t> written_ = 0;
	size_t seen_read_ = 0; // the writer's
	alignas(128) std::atomic<size_t> read_ = 0;
	size_t seen_written_ = 0; // the reader's
	alignas(128) std::array<void *, capacity> slots_;
};

} // namespace bench
