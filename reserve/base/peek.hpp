// SPDX-License-Identifier: MIT
//
// peek.hpp - a look at a word that hardly ever changes, at the least cost.
//
// Compilers do not join an atomic load and the comparison of what it gave,
// which on x86 is one instruction less, and with a global word two.
#pragma once

#include "reserve/base/platform.hpp"

#include <atomic>

namespace mp::base {

/// word.load(std::memory_order_relaxed) != 0
[[gnu::always_inline]] inline bool is_set(const std::atomic<unsigned> &word)
{
#if defined(__x86_64__) && !MP_TSAN
	bool set;
	asm volatile("cmpl $0, %[word]" : "=@ccne"(set) : [word] "m"(word));
	return set;
#else
	return word.load(std::memory_order_relaxed) != 0;
#endif
}

/// (word.load(std::memory_order_relaxed) & flags) != 0, for flags that are a constant
[[gnu::always_inline]] inline bool has_any(const std::atomic<unsigned> &word, unsigned flags)
{
#if defined(__x86_64__) && !MP_TSAN
	bool set;
	asm volatile("testl %[flags], %[word]" : "=@ccne"(set) : [word] "m"(word), [flags] "ri"(flags));
	return set;
#else
	return (word.load(std::memory_order_relaxed) & flags) != 0;
#endif
}

} // namespace mp::base
