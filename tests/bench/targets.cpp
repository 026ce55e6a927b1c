// SPDX-License-Identifier: MIT
//
// targets.cpp - the project's targets, and whether they are reached. No state.
#include "measure.hpp"

#include <algorithm>
#include <cmath>

namespace bench {

namespace {

enum class rule {
	ratio,      ///< ours over a named one
	best,       ///< ours over the fastest peer that is here
	difference, ///< ours less a named one
	plain,      ///< ours
};

struct target {
	const char *key;
	rule how;
	double bound;
	const char *against;
	const char *text;
	bool stretch = false;
};

const target targets[] = {
	{"pair-64", rule::ratio, 0.75, "dpdk-c", "at most 0.75 x dpdk-c"},
	{"pair-64", rule::ratio, 1.5, "rseq", "at most 1.5 x rseq"},
	{"pair-4096", rule::ratio, 0.8, "dpdk-c", "at most 0.8 x dpdk-c"},
	{"batch-64", rule::ratio, 0.9, "dpdk-c", "at most 0.9 x dpdk-c"},
	{"batch-4096", rule::ratio, 1.1, "dpdk-c", "at most 1.1 x dpdk-c"},
	{"pair-64-2t", rule::ratio, 1.1, "mempool, 1 thread", "as with 1 thread, within 1.1"},
	{"batch-64-16t", rule::ratio, 1.2, "mempool, 1 thread", "as with 1 thread, within 1.2"},
	{"pipe", rule::ratio, 1.1, "dpdk-c", "at most 1.1 x dpdk-c"},
	{"reserve-1t", rule::best, 0.8, "", "at most 0.8 x the best peer"},
	{"reserve-1t", rule::ratio, 3, "rseq", "stretch: 3 x rseq", true},
	{"reserve-2t", rule::best, 0.12, "", "at most 0.12 x the best peer"},
	{"reserve-16t", rule::best, 0.12, "", "at most 0.12 x the best peer"},
	{"latency-p99.99", rule::plain, 2000, "", "at most 2 us"},
	{"memory", rule::plain, 64.5, "", "at most 64.5 B"},
	{"publishing", rule::ratio, 1.02, "not published", "at most 1.02 x not publishing"},
	{"callbacks", rule::difference, 2, "callbacks", "at most 2 ns above calling them directly"},
};

/// What ours is called in every table.
constexpr const char *ours = "mempool";

const series *best_peer(const table &t)
{
	const series *best = nullptr;
	for (const series &s : t.rows) {
		if ((s.roles & (role_ours | role_limit)) != 0 || std::isnan(median(s)))
			continue;
		if (best == nullptr || median(s) < median(*best))
			best = &s;
	}
	return best;
}

void compare(verdict &v, const target &t, const table &measured)
{
	const series *own = measured.find(ours);
	const series *other = t.how == rule::best ? best_peer(measured) : measured.find(t.against);
	if (own == nullptr)
		return;
	v.unit = t.how == rule::ratio || t.how == rule::best ? "x" : measured.unit;
	if (t.how == rule::plain) {
		v.reached = median(*own);
	} else if (other != nullptr) {
		v.against = other->name;
		v.reached = t.how == rule::difference ? median_difference(*own, *other) : median_ratio(*own, *other);
	}
}

} // namespace

void judge(results &r)
{
	for (const target &t : targets) {
		const table *measured = r.find(t.key);
		if (measured == nullptr)
			continue;
		verdict v = {.key = t.key,
			     .title = measured->title,
			     .rule = t.text,
			     .against = t.against,
			     .bound = t.bound,
			     .reached = std::nan(""),
			     .unit = "x",
			     .stretch = t.stretch};
		compare(v, t, *measured);
		r.verdicts.push_back(std::move(v));
	}
}

} // namespace bench
