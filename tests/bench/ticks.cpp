// SPDX-License-Identifier: MIT
//
// ticks.cpp - see ticks.hpp.
#include "ticks.hpp"

#include <algorithm>
#include <vector>

namespace bench {

double tick_ns()
{
	static const double rate = [] {
		const uint64_t from_ns = now_ns();
		const uint64_t from = ticks();
		while (now_ns() - from_ns < 20'000'000)
			;
		const uint64_t to = ticks();
		return static_cast<double>(now_ns() - from_ns) / static_cast<double>(to - from);
	}();
	return rate;
}

double clock_cost_ns()
{
	std::vector<uint64_t> costs(10'001);
	for (uint64_t &cost : costs) {
		const uint64_t from = ticks();
		cost = ticks() - from;
	}
	std::nth_element(costs.begin(), costs.begin() + 5'000, costs.end());
	return static_cast<double>(costs[5'000]) * tick_ns();
}

} // namespace bench
