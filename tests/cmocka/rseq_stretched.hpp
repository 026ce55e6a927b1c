// SPDX-License-Identifier: MIT
//
// rseq_stretched.hpp - the library's own sections, some microseconds long, so
// that a test can have them cut short at will; and the same without the store
// that announces them to the kernel.
#pragma once

#include "reserve/base/rseq.hpp"

namespace mp::test {

struct stack_sections {
	void *(*pop)(const base::rseq_cpus &cpus);
	bool (*push)(const base::rseq_cpus &cpus, void *entry);
	bool (*add)(void *memory, unsigned shift, unsigned cpus, uint64_t n);
};

extern const stack_sections announced;
extern const stack_sections unannounced;

} // namespace mp::test
