// SPDX-License-Identifier: MIT
//
// rseq_stack.hpp - the memory that restartable sequences work on. See rseq.hpp.
#pragma once

#include "reserve/base/platform.hpp"

#include <cstddef>
#include <cstdint>

#if MP_RSEQ
#include <sys/rseq.h>
#endif

namespace mp::base {

/// Did glibc register restartable sequences in this process? Sections need not
/// ask: where it did not, no CPU has a number, and so they fail.
inline bool rseq_usable()
{
#if MP_RSEQ
	return __rseq_size != 0;
#else
	return false;
#endif
}

/// One CPU's stack of pointers, as sections work on it.
struct rseq_stack {
	uint64_t word;     // count of entries in the low 16 bits, entries ever popped above
	uint64_t capacity; // entries that fit
	void *entries[];
};

/// What a part of memory that belongs to one CPU begins with: two stacks (either
/// may be nullptr), and which of them is its main one, where it pops and pushes.
/// The other is the spare. One store makes the spare the main one.
struct rseq_pair {
	rseq_stack *main;
	rseq_stack *either[2];
};

/// Where sections find the pair of a CPU: at base + CPU * rseq_cpu_bytes. The
/// base is read inside the section, so that it can be exchanged for all CPUs at once.
inline constexpr unsigned rseq_cpu_shift = 6;
inline constexpr size_t rseq_cpu_bytes = size_t{1} << rseq_cpu_shift;

struct rseq_cpus {
	void *base;
	uint64_t count; // CPUs whose number is not below are not served
};

} // namespace mp::base
