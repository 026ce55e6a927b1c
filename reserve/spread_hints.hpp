// SPDX-License-Identifier: MIT
//
// spread_hints.hpp - what each CPU remembers of a spread store, in a cache line
// of its own: where it was last at work, and how much it has taken out since
// the lowest level was last looked for.
//
// All of it is advice. Threads of one CPU overwrite each other's; what gets
// lost makes a search longer, or the lowest level a little too high. A take that
// finds nothing sets the lowest level to 0 exactly, and while one CPU works it
// is right to a 64th.
//
// Owner of the state: the store. Race table: all may run together; init not.
// Context: any, signal handlers included.
#pragma once

#include "reserve/atomics.hpp"

#include <algorithm>
#include <limits>
#include <memory>

namespace mp::reserve {

template <class Atomics> struct alignas(base::cache_line_bytes) spread_hint {
	typename Atomics::template atomic<size_t> top{0};        // entries below, holes from here on up
	typename Atomics::template atomic<int64_t> out{0};       // taken on this CPU, less given
	typename Atomics::template atomic<int64_t> threshold{0}; // of `out`: from here on the level is of interest
};

template <class Atomics> class spread_hints {
      public:
	using hint = spread_hint<Atomics>;

	static size_t bytes_for() { return Atomics::cpus() * sizeof(hint); }

	/// Spreads the CPUs over `length` slots.
	void init(void *zeroed, size_t length)
	{
		hints_ = static_cast<hint *>(zeroed);
		cpus_ = Atomics::cpus();
		for (unsigned cpu = 0; cpu < cpus_; cpu++) {
			hint *h = std::construct_at(hints_ + cpu);
			h->top.store(length - cpu * length / cpus_, std::memory_order_relaxed);
			h->threshold.store(never, std::memory_order_relaxed);
		}
	}

	hint &mine()
	{
		const unsigned cpu = Atomics::cpu();
		return hints_[cpu < cpus_ ? cpu : cpu % cpus_];
	}

	/// `n` entries were taken. True when the level should be looked at.
	bool count_out(hint &h, int n)
	{
		const int64_t out = h.out.load(std::memory_order_relaxed) + n;
		h.out.store(out, std::memory_order_relaxed);
		return out > h.threshold.load(std::memory_order_relaxed);
	}
	void count_in(hint &h) { h.out.store(h.out.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed); }

	/// The level as it is now, for the lowest.
	void look(hint &h, int level)
	{
		lower_to(level);
		const int lowest = this->lowest();
		// All CPUs together can take this many before it matters again.
		const int slack = (level - lowest + lowest / 64) / static_cast<int>(cpus_);
		h.threshold.store(lowest == 0 ? never : h.out.load(std::memory_order_relaxed) + slack,
				  std::memory_order_relaxed);
	}

	void lower_to(int level)
	{
		int lowest = lowest_.load(std::memory_order_relaxed);
		while (level < lowest && !lowest_.compare_exchange_weak(lowest, level, std::memory_order_relaxed,
									std::memory_order_relaxed)) {}
	}

	int lowest() const { return lowest_.load(std::memory_order_relaxed); }

	/// The lowest level counts from now on.
	void restart(int level)
	{
		lowest_.store(level, std::memory_order_relaxed);
		for (unsigned cpu = 0; cpu < cpus_; cpu++)
			hints_[cpu].threshold.store(hints_[cpu].out.load(std::memory_order_relaxed),
						    std::memory_order_relaxed);
	}

      private:
	static constexpr int64_t never = std::numeric_limits<int64_t>::max();

	hint *hints_ = nullptr;
	unsigned cpus_ = 0;
	alignas(base::cache_line_bytes) typename Atomics::template atomic<int> lowest_{0};
};

} // namespace mp::reserve
