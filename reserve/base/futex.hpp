// SPDX-License-Identifier: MIT
//
// futex.hpp - sleep until a word changes. Works while memory is exhausted: the
// system call needs none.
#pragma once

#include <atomic>
#include <cstdint>

namespace mp::base {

using futex_word = std::atomic<uint32_t>;

enum class futex_result { woken, timed_out };

/// Sleeps while `word` is `expected`, until `deadline_ns` (CLOCK_MONOTONIC) at
/// most. May also return early without a reason: callers look at the word again.
futex_result futex_wait(futex_word &word, uint32_t expected, uint64_t deadline_ns);

/// Wakes up to `count` threads that sleep on the word. The memory behind it may
/// be gone already: only its address is used.
void futex_wake(futex_word *word, int count);

/// The same between processes that have the word mapped. Where it is not, or no
/// longer, nobody sleeps.
futex_result futex_wait_shared(const void *word, uint32_t expected, uint64_t deadline_ns);
void futex_wake_shared(const void *word, int count);

} // namespace mp::base
