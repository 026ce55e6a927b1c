// SPDX-License-Identifier: MIT
//
// fuzz.hpp - what a target in this folder offers, which is libFuzzer's form, and
// how it says that something is wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

extern "C" {
/// Once, before all else.
int LLVMFuzzerInitialize(int *argc, char ***argv);
/// One input; what is wrong ends the program by abort().
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
}

/// A statement that holds for every input.
#define FUZZ_CHECK(condition)                                                                     \
	do {                                                                                      \
		if (!(condition)) {                                                               \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                  \
		}                                                                                 \
	} while (0)
