// SPDX-License-Identifier: MIT
//
// counters.hpp - figures that every operation counts, without a cache line that
// every CPU writes: each CPU has a stripe of its own, and readers add them up.
//
// Owner of the state: whoever embeds the stripes. Race table: count and sum may
// run together; sums are exact once the counting threads are quiet.
#pragma once

#include "reserve/base/cpu.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace mp::watch {

/// `fields` counters in stripes of whole cache lines, in memory that the owner
/// of the counters brings along (zeroed).
template <unsigned fields> class striped_counters {
      public:
	using counter = std::atomic<uint64_t>;
	static constexpr size_t stripe_bytes = (fields * sizeof(counter) + base::cache_line_bytes - 1) /
					       base::cache_line_bytes * base::cache_line_bytes;

	/// Stripes for this machine: one a CPU, but not without bound.
	static unsigned stripes_wanted() { return std::bit_ceil(std::min(base::cpu_count(), 64U)); }

	void init(void *zeroed, unsigned stripes)
	{
		memory_ = static_cast<char *>(zeroed);
		mask_ = stripes - 1;
	}

	void add(unsigned field, uint64_t n = 1)
	{
		at(base::cpu_number() & mask_, field).fetch_add(n, std::memory_order_relaxed);
	}

	uint64_t sum(unsigned field) const
	{
		uint64_t total = 0;
		for (unsigned stripe = 0; stripe <= mask_; stripe++)
			total += at(stripe, field).load(std::memory_order_relaxed);
		return total;
	}

      private:
	counter &at(unsigned stripe, unsigned field) const
	{
		return reinterpret_cast<counter *>(memory_ + stripe * stripe_bytes)[field];
	}

	char *memory_ = nullptr;
	unsigned mask_ = 0;
};

} // namespace mp::watch
