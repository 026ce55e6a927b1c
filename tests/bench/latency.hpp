// SPDX-License-Identifier: MIT
//
// latency.hpp - how long single operations take while many threads want the
// same reserve. No state.
#pragma once

#include "workload.hpp"

namespace bench {

struct latencies {
	double p50;
	double p99;
	double p9999;
	double longest;
	uint64_t failures;
};

/// All in ns, for one allocation or one free; the clock's own cost is not taken off.
latencies measure_latencies(const peer &p, void *context, const workload &w, unsigned slice_ms);

} // namespace bench
