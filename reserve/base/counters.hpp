// SPDX-License-Identifier: MIT
//
// counters.hpp - figures that every operation counts, without a cache line that
// every CPU writes, and where restartable sequences are to be had without a
// locked instruction: each CPU has a stripe of its own, readers add them up.
//
// The last stripe belongs to nobody: threads that cannot run a section count
// there with a locked instruction, so that the two ways never meet in one word.
//
// Owner of the state: whoever embeds the stripes. Race table: count and sum may
// run together; sums are exact once the counting threads are quiet.
// Context: add() may be called from signal handlers.
#pragma once

#include "reserve/base/cpu.hpp"
#include "reserve/base/rseq.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace mp::base {

/// `fields` counters in stripes of whole cache lines, in memory that the owner
/// of the counters brings along (zeroed).
template <unsigned fields> class striped_counters {
      public:
	using counter = std::atomic<uint64_t>;
	static constexpr size_t stripe_bytes =
		std::bit_ceil(std::max<size_t>(fields * sizeof(counter), cache_line_bytes));

	/// Stripes for this machine: one a CPU, but not without bound, and nobody's.
	static unsigned stripes_wanted() { return std::min(cpu_count(), 256U) + 1; }

	void init(void *zeroed, unsigned stripes)
	{
		memory_ = static_cast<char *>(zeroed);
		cpus_ = stripes - 1;
	}

	void add(unsigned field, uint64_t n = 1)
	{
		constexpr unsigned shift = std::countr_zero(stripe_bytes);
		if (!rseq_add(memory_ + field * sizeof(counter), shift, cpus_, n)) [[unlikely]]
			add_portably(field, n);
	}

	uint64_t sum(unsigned field) const
	{
		uint64_t total = 0;
		for (unsigned stripe = 0; stripe <= cpus_; stripe++)
			total += at(stripe, field).load(std::memory_order_relaxed);
		return total;
	}

      private:
	counter &at(unsigned stripe, unsigned field) const
	{
		return reinterpret_cast<counter *>(memory_ + stripe * stripe_bytes)[field];
	}

	void add_portably(unsigned field, uint64_t n)
	{
		// A process without restartable sequences has all stripes for this.
		const unsigned stripe = rseq_usable() ? cpus_ : cpu_number() % (cpus_ + 1);
		at(stripe, field).fetch_add(n, std::memory_order_relaxed);
	}

	char *memory_ = nullptr;
	unsigned cpus_ = 0;
};

} // namespace mp::base
