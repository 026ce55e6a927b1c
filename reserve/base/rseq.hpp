// SPDX-License-Identifier: MIT
//
// rseq.hpp - restartable sequences: short sections on the current CPU's own
// memory, which the kernel starts over when the thread is preempted, migrated
// or interrupted by a signal in their middle. They need no locked instruction.
//
// glibc registers each thread's area. Where it did not (valgrind, qemu-user,
// GLIBC_TUNABLES=glibc.pthread.rseq=0, other processors, ThreadSanitizer's
// builds) rseq_usable() is false and every section fails: callers then go the
// portable way.
//
// Race table:
//   section / section on one CPU's memory   the kernel
//   section / another CPU                   nothing: take the memory away first,
//                                           then rseq_fence()
// Context: any, signal handlers included.
#pragma once

#include "reserve/base/cpu.hpp"
#include "reserve/base/rseq_stack.hpp"

#if MP_RSEQ && defined(__x86_64__)
#include "reserve/base/rseq_x86_64.hpp"
#elif MP_RSEQ && defined(__aarch64__)
#include "reserve/base/rseq_aarch64.hpp"
#else
#include "reserve/base/rseq_none.hpp"
#endif

namespace mp::base {

/// The CPU this thread ran on when it asked, by one load where sections are to
/// be had. A number of any size: callers bring it into their range.
[[gnu::always_inline]] inline unsigned current_cpu()
{
	// Where sections are not to be had, the area has no number.
	const unsigned cpu = rseq_cpu();
	return static_cast<int>(cpu) >= 0 || rseq_usable() ? cpu : cpu_number();
}

/// When it returns true, every section that was running on any CPU has ended
/// or started over. False where the kernel will not (older than 5.10, or a
/// filter of system calls). Costs some microseconds, and more on more CPUs.
[[nodiscard]] bool rseq_fence();

} // namespace mp::base
