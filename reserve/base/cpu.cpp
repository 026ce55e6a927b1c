// SPDX-License-Identifier: MIT
//
// cpu.cpp - see cpu.hpp.
#include "reserve/base/cpu.hpp"

#include <atomic>
#include <unistd.h>

namespace mp::base {

unsigned cpu_count()
{
	// What may ever be online does not change; the C library opens a file for
	// each answer, and making one pool asks eight times.
	static constinit std::atomic<unsigned> known{0};
	if (const unsigned count = known.load(std::memory_order_relaxed); count != 0)
		return count;
	const long configured = sysconf(_SC_NPROCESSORS_CONF);
	const unsigned count = configured < 1 ? 1 : static_cast<unsigned>(configured);
	known.store(count, std::memory_order_relaxed);
	return count;
}

} // namespace mp::base
