// SPDX-License-Identifier: MIT
//
// results.hpp - what was measured, as the reports take it, and the arithmetic
// on it. Functions without state.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bench {

/// One peer's figures in one table: one for each round, in the table's unit. A round that gave none is NaN.
struct series {
	std::string name;
	std::string what;
	unsigned roles = 0;
	std::vector<double> rounds = {};
	uint64_t failures = 0; ///< allocations that gave nothing, and were tried again
};

struct table {
	std::string key;
	std::string title;
	std::string unit;
	std::vector<series> rows;

	const series *find(const std::string &name) const;
};

/// How a cost grows: a line for each peer.
struct curve {
	std::string key;
	std::string title;
	std::string x; ///< what grows
	std::vector<double> at;
	struct line {
		std::string name;
		unsigned roles = 0;
		std::vector<double> ns; ///< NaN where it was not measured
	};
	std::vector<line> lines;
};

/// A target of the project, judged.
struct verdict {
	std::string key;   ///< the table's
	std::string title; ///< the table's, in words
	std::string rule;  ///< "at most 0.75 x dpdk-c"
	std::string against;
	double bound = 0;
	double reached = 0; ///< NaN: not measured
	std::string unit;   ///< "x", or the unit of a plain figure
	bool stretch = false;

	bool measured() const { return reached == reached; }
	bool met() const { return measured() && reached <= bound; }
};

struct machine {
	std::string cpu;
	unsigned cpus = 0;
	std::string kernel;
	std::string compiler;
	std::string libc;
	std::string date;
	bool rseq = false;
	double others = 0; ///< CPUs that other processes kept busy meanwhile
};

/// With more than this of a CPU gone, threads that should meet take turns instead.
constexpr double noisy_neighbours = 0.25;

struct settings {
	unsigned rounds = 9;
	unsigned slice_ms = 40;
	bool quick = false;
	bool tabled = false; ///< every call goes through the table of functions
	double clock_ns = 0; ///< what reading the clock costs
};

struct results {
	machine on;
	settings how;
	std::vector<std::string> versions;
	std::vector<std::string> left_out;
	std::vector<table> tables;
	std::vector<curve> curves;
	std::vector<verdict> verdicts;

	const table *find(const std::string &key) const;
};

/// The middle one, or the mean of the middle two; NaNs do not count. NaN for nothing.
double median(std::vector<double> values);
double median(const series &s);
/// A table's rows, the fastest first; those without a figure come last.
std::vector<const series *> by_median(const table &t);
/// "ours", "limit" or "peer".
const char *kind_of(unsigned roles);
/// How far the rounds lie apart: the middle half's width over the median, in percent.
double spread_percent(const series &s);
/// The median of the rounds' ratios a/b. Rounds are compared with each other only.
double median_ratio(const series &a, const series &b);
/// The median of the rounds' differences a-b.
double median_difference(const series &a, const series &b);
/// "6.03", "29.7", "1,950,000", "-" for NaN.
std::string figure(double value);

} // namespace bench
