// SPDX-License-Identifier: MIT
//
// stress_support.hpp - what the stress programs share: settings and the clock.
//
// No state of its own.
#pragma once

#include "tests/harness/settings.hpp"

#include <cstdint>
#include <ctime>

namespace stress {

using harness::number_from;

inline uint64_t now_ns()
{
	timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec);
}

} // namespace stress
