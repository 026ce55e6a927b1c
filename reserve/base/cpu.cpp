// SPDX-License-Identifier: MIT
//
// cpu.cpp - see cpu.hpp.
#include "reserve/base/cpu.hpp"

#include <unistd.h>

namespace mp::base {

unsigned cpu_count()
{
	const long configured = sysconf(_SC_NPROCESSORS_CONF);
	return configured < 1 ? 1 : static_cast<unsigned>(configured);
}

} // namespace mp::base
