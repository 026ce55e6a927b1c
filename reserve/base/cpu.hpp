// SPDX-License-Identifier: MIT
//
// cpu.hpp - which CPU, and how to wait a moment on it.
#pragma once

#include <sched.h>

namespace mp::base {

inline constexpr unsigned cache_line_bytes = 64;

/// The CPU this thread ran on when it asked; 0 where the machine cannot say.
/// glibc reads it from the thread's rseq area, or else through the vDSO.
inline unsigned cpu_number()
{
	const int cpu = sched_getcpu();
	return cpu < 0 ? 0 : static_cast<unsigned>(cpu);
}

/// CPUs that may ever be online, at least 1.
unsigned cpu_count();

/// Tells the core that this is a spin loop.
inline void cpu_relax()
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	asm volatile("yield");
#endif
}

} // namespace mp::base
