// SPDX-License-Identifier: MIT
//
// crew.hpp - threads that do the same work for a while, and how long it took.
//
// One crew at a time, run by one thread. `phase` is written by that thread and
// read by its workers.
#pragma once

#include "worker.hpp"

#include <functional>

namespace bench {

struct crew_plan {
	unsigned threads;
	unsigned slice_ms;
	bool pinned; ///< thread i on the i-th CPU that we may use
};

struct crew_result {
	double ns = 0;      ///< for one operation
	double wall_ns = 0; ///< what the whole turn took
	uint64_t operations = 0;
	uint64_t failures = 0;
};

/// Runs work(worker) in each thread and gives the time of one operation: of one thread, by its own CPU time, so
/// that other processes do not count; of more, by the clock, times the CPUs that they could keep busy.
crew_result run_crew(const crew_plan &plan, const std::function<void(worker &)> &work);

/// The CPUs that this process may use.
unsigned usable_cpus();
/// Binds the calling thread to the i-th of them.
void pin_to_cpu(unsigned i);

} // namespace bench
