// SPDX-License-Identifier: MIT
//
// cmocka_cpp.hpp - cmocka for C++. Include it last: its header expects others
// before it, has no linkage of its own, and its `fail` macro breaks what C++
// headers call so.
//
// cmocka leaves a failed test by longjmp, over all destructors, and only in the
// thread that runs the test: other threads collect what they saw, and the test
// asserts it when they have ended.
#pragma once

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

extern "C" {
#include <cmocka.h>
}

#undef fail
#undef fail_msg
/// Ends the test as failed, with a printf() text.
#define fail_msg(...)                      \
	do {                               \
		print_error("ERROR: ");    \
		print_error(__VA_ARGS__);  \
		print_error("\n");         \
		_fail(__FILE__, __LINE__); \
	} while (0)
