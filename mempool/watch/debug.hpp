// SPDX-License-Identifier: MIT
//
// debug.hpp - which checks are on: the word that every call reads once.
//
// watch_word is 0 on an ordinary day, and then nothing else is looked at. Its
// low bits are the MEMPOOL_DEBUG_ flags; the high ones say what has ever been
// used in this process and now needs a look at each call.
//
// Owner of the state: debug.cpp. Race table: all calls may run together.
#pragma once

#include "mempool/mempool-debug.h"

#include "reserve/base/peek.hpp"

#include <atomic>

namespace mp::watch {

inline constexpr unsigned fault_armed = 1U << 27;    // an allocation may be made to fail (fault_point.hpp)
inline constexpr unsigned delay_armed = 1U << 25;    // a free may be held back, by a fault point, too
inline constexpr unsigned publish_due = 1U << 26;    // the next call that may sleep begins to publish (context.hpp)
inline constexpr unsigned tracing = 1U << 29;        // events are recorded, or will be (trace.hpp)
inline constexpr unsigned probing = 1U << 28;        // probes of ordinary calls are wanted
inline constexpr unsigned non_block_seen = 1U << 30; // some thread called non_block_start()
inline constexpr unsigned tracker_seen = 1U << 31;   // some pool tracks its elements

// Hidden, so that a look at it is one instruction: -fvisibility is silent about what lies elsewhere.
extern constinit std::atomic<unsigned> watch_word [[gnu::visibility("hidden")]];

/// Is there anything to look at? The one load of an ordinary day.
inline bool watching()
{
	return base::is_set(watch_word);
}

/// Anything but these?
inline bool watching_beyond(unsigned flags)
{
	return base::has_any(watch_word, ~flags);
}

inline bool debug_on(unsigned flag)
{
	return (watch_word.load(std::memory_order_relaxed) & flag) != 0;
}

/// Sets one of the ..._seen bits, for good.
void watch_for(unsigned seen_bit);

/// The flags that a setting of MEMPOOL_DEBUG names. False, after a report, when it names an unknown one.
[[nodiscard]] bool parse_debug(const char *text, unsigned &flags);

} // namespace mp::watch
