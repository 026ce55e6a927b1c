// SPDX-License-Identifier: MIT
//
// ticks.hpp - the cheapest clock there is, for single operations.
//
// The rate is found out once, by the thread that first asks.
#pragma once

#include "worker.hpp"

namespace bench {

inline uint64_t ticks()
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#else
	return now_ns();
#endif
}

/// Nanoseconds of one tick.
double tick_ns();

/// What lies between two readings of the clock with nothing between them, in ns: the median of many.
double clock_cost_ns();

} // namespace bench
