// SPDX-License-Identifier: MIT
//
// fence.hpp - memory fences that ThreadSanitizer tolerates.
//
// TSan does not model fences and says so with a warning. What our fences order
// are atomics, which it never calls a race, so its builds need no acquire or
// release fence (on x86-64 neither is an instruction). The full one they do
// need, or wake-ups would be lost there: a locked instruction stands in.
#pragma once

#include "reserve/base/platform.hpp"

#include <atomic>

namespace mp::base {

inline void fence(std::memory_order order)
{
#if MP_TSAN
	static constinit std::atomic<int> everybody{0};
	if (order == std::memory_order_seq_cst)
		everybody.fetch_add(1, std::memory_order_seq_cst);
	std::atomic_signal_fence(std::memory_order_seq_cst);
#else
	std::atomic_thread_fence(order);
#endif
}

} // namespace mp::base
