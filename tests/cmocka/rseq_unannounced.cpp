// SPDX-License-Identifier: MIT
//
// rseq_unannounced.cpp - as rseq_announced.cpp, but the kernel is not told of
// them, and longer, so that one is soon caught in the middle. See rseq_stretched.hpp.
#if defined(__x86_64__)
#define MP_RSEQ_ARM
#define MP_RSEQ_STRETCH "\t.rept 1000\n\tpause\n\t.endr\n"
#elif defined(__aarch64__)
#define MP_RSEQ_ARM
#define MP_RSEQ_STRETCH "\t.rept 1000\n\tisb\n\t.endr\n"
#endif
#include "rseq_stretched.hpp"

namespace mp::test {

const stack_sections unannounced = {
	[](const base::rseq_cpus &cpus) { return base::rseq_pop(cpus); },
	[](const base::rseq_cpus &cpus, void *entry) { return base::rseq_push(cpus, entry); },
	[](void *memory, unsigned shift, unsigned cpus, uint64_t n) { return base::rseq_add(memory, shift, cpus, n); },
};

} // namespace mp::test
