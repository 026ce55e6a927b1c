// SPDX-License-Identifier: MIT
//
// fault_report.hpp - what is said of an injected fault.
//
// Owner of the state (the rate limits): whoever has the point.
// Race table: all calls may run together. Context: any, signal handlers too.
#pragma once

#include "mempool/watch/fault_table.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mp::watch {

/// Who asked, for whom.
struct fault_asked {
	const char *name; // of the pool or cache; "": none
	bool may_report;  // the caller did not ask for silence
};

struct fault_told {
	std::string_view point;
	const char *name;
	size_t size;
	uint64_t seed;
	uint32_t count; // of the thread's decisions at this point; 0: its nth decided
};

/// By the kernel's `verbose`: 0 nothing, 1 a line, 2 with the stack. `rate` is the
/// point's rate limit, fault_rate_words that begin as 0.
void report_fault(const fault_told &what, const fault_settings &settings, uint64_t *rate);

} // namespace mp::watch
