// SPDX-License-Identifier: MIT
//
// demo_run.hpp - one run: logd with one of the allocators, fed with everything,
// starved in the middle third, stopped, and its file compared.
#pragma once

#include "tools/demo.hpp"
#include "tools/demo_compare.hpp"
#include "tools/demo_progress.hpp"
#include "tools/demo_script.hpp"
#include "tools/demo_workdir.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace demo {

/// What logd itself says it did; see docs/examples/logd-figures.h.
struct logd_figures {
	uint64_t received = 0;
	uint64_t lost = 0; // also its failed allocations: it asks once for each message
	uint64_t p50_ns = 0;
	uint64_t p99_ns = 0;
	uint64_t longest_ns = 0;
	// The pool's own figures; zero without one.
	uint64_t backing_failures = 0;
	uint64_t from_reserve = 0;
	int lowest = 0;
	uint64_t sleeps = 0;
	uint64_t wait_total_ns = 0;
	uint64_t wait_longest_ns = 0;
	// What its certificate said at the end.
	bool guaranteed = false;
	std::vector<std::string> doubts;
};

struct sample {
	uint64_t at_ns; // since the run began
	int level;      // of the reserve
};

struct run_result {
	std::string allocator;
	bool oom_killed = false; // in the middle, by the kernel; then logd's own figures are missing
	uint64_t sent = 0;
	comparison compared;
	logd_figures figures;
	std::vector<sample> samples;
	uint64_t hoarded_bytes = 0;
	// Since the run began:
	uint64_t exhausted_from_ns = 0; // nothing was left from here
	uint64_t exhausted_until_ns = 0;
	uint64_t took_ns = 0;
};

/// Throws failure when the run could not be finished.
run_result run_logd(const std::string &logd, const std::string &allocator, const options &wanted, const script &what,
		    const workdir &files, progress &shown);

} // namespace demo
