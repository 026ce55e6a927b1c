// SPDX-License-Identifier: MIT
//
// settings.hpp - what the long runs are told in the environment. No state.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace harness {

/// A number from the environment; ends the program when it is none.
inline uint64_t number_from(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);
	if (text == nullptr || *text == '\0')
		return otherwise;
	char *end = nullptr;
	const uint64_t number = strtoull(text, &end, 0);
	if (*end != '\0') {
		fprintf(stderr, "%s: %s is not a number: %s\n", program_invocation_short_name, variable, text);
		exit(2);
	}
	return number;
}

} // namespace harness
