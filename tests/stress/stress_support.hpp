// SPDX-License-Identifier: MIT
//
// stress_support.hpp - what the stress programs share: settings and the clock.
//
// No state of its own.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace stress {

/// A number from the environment.
inline uint64_t number_from(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);
	if (text == nullptr || *text == '\0')
		return otherwise;
	char *end = nullptr;
	const uint64_t number = strtoull(text, &end, 0);
	if (*end != '\0') {
		fprintf(stderr, "stress: %s is not a number: %s\n", variable, text);
		exit(2);
	}
	return number;
}

inline uint64_t now_ns()
{
	timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec);
}

} // namespace stress
