// SPDX-License-Identifier: MIT
//
// fail_sweep.hpp - all runs of a sweep, some at a time.
#pragma once

#include "tools/fail_findings.hpp"
#include "tools/fail_journal.hpp"
#include "tools/fail_planner.hpp"
#include "tools/fail_progress.hpp"
#include "tools/fail_trial.hpp"

#include <vector>

namespace fail {

/// One run in short, for a picture of all.
struct mark {
	plan planned;
	uint64_t n = 0; // what failed first
	unsigned process = 0;
	verdict what = verdict::unreached;
	std::string why;
	std::string site; // where that was
	size_t finding = findings::none;
};

/// What a sweep leaves.
struct result {
	std::vector<mark> marks;
	uint64_t resumed = 0;    // runs that were done earlier
	uint64_t left = 0;       // that the budget did not reach
	uint64_t foreign = 0;    // runs of other shards' stacks that were done here, and are not reported
	uint64_t lost_sight = 0; // runs in which a wrong free may not have been seen
	bool interrupted = false;
	uint64_t took_ns = 0;
};

/// When a run counts as hanging.
uint64_t limit_of(const options &wanted, const trial &unharmed);
uint64_t grace_of(const trial &unharmed, uint64_t limit_ns);

/// One run, judged. What seems to hang is run again with twice the time: a busy machine may have been slow.
outcome run_one(const runner &runs, const reference &known, const plan &planned, unsigned slot, uint64_t limit_ns);

/// Does them all; findings are printed as they come.
result sweep(const options &wanted, const runner &runs, const reference &known, findings &found, symbols &names,
	     progress &shown);

} // namespace fail
