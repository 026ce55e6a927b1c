// SPDX-License-Identifier: MIT
//
// worker.hpp - one of a crew's threads, as its loop sees it, and the clock.
//
// A worker is its thread's own until the crew's maker has joined it; `now` is
// written by that maker. In a header, for the plugins have nothing else of ours.
#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>

namespace bench {

inline uint64_t read_clock(clockid_t clock)
{
	timespec t;
	clock_gettime(clock, &t);
	return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec);
}

inline uint64_t now_ns()
{
	return read_clock(CLOCK_MONOTONIC);
}

enum phase : int { warming, measuring, over };

/// On cache lines of its own: each counts while it is measured.
class alignas(128) worker {
      public:
	worker(unsigned id, const std::atomic<int> &now) : id_(id), now_(now) {}

	unsigned id() const { return id_; }
	bool is_over() const { return now_.load(std::memory_order_relaxed) == over; }

	/// Calls pass() over and over, which returns how many operations it did. Those of the passes that
	/// began while we measure are counted, at least one pass; then the time is taken.
	template <class Pass> void run(Pass pass)
	{
		do
			pass();
		while (now_.load(std::memory_order_relaxed) == warming);
		failures = 0;
		const uint64_t cpu_start = read_clock(CLOCK_THREAD_CPUTIME_ID);
		do
			operations += pass();
		while (!is_over());
		end_ns = now_ns();
		cpu_ns = read_clock(CLOCK_THREAD_CPUTIME_ID) - cpu_start;
	}

	uint64_t operations = 0;
	uint64_t failures = 0; ///< allocations that gave nothing
	uint64_t cpu_ns = 0;
	uint64_t end_ns = 0;

      private:
	unsigned id_;
	const std::atomic<int> &now_;
};

} // namespace bench
