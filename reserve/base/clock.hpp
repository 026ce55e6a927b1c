// SPDX-License-Identifier: MIT
//
// clock.hpp - time that only goes forward (CLOCK_MONOTONIC), in ns.
#pragma once

#include <cstdint>
#include <ctime>
#include <limits>

namespace mp::base {

inline constexpr uint64_t ns_per_s = 1'000'000'000;
inline constexpr uint64_t never_ns = std::numeric_limits<uint64_t>::max();

inline uint64_t now_ns()
{
	timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return static_cast<uint64_t>(t.tv_sec) * ns_per_s + static_cast<uint64_t>(t.tv_nsec);
}

/// The moment `wait_ns` from now; never_ns where that lies beyond the clock.
inline uint64_t deadline_after(uint64_t wait_ns)
{
	const uint64_t now = now_ns();
	return wait_ns > never_ns - now ? never_ns : now + wait_ns;
}

} // namespace mp::base
