// SPDX-License-Identifier: MIT
//
// report.hpp - what was measured, written down in three ways. Functions
// without state: each returns the whole text.
#pragma once

#include "results.hpp"

#include <string>

namespace bench {

std::string markdown(const results &r);  // report_markdown.cpp
std::string json_text(const results &r); // report_json.cpp
/// Bars for each table, on one logarithmic scale.
std::string bars_svg(const results &r); // chart_bars.cpp
/// Lines for each growth curve. Empty when there is none.
std::string curves_svg(const results &r); // chart_curves.cpp

/// Looks around on this machine (machine.cpp).
machine describe_machine();

/// How much the machine works for others, from when it is made.
class neighbours {
      public:
	neighbours() : busy_(busy_seconds() - own_seconds()), start_(uptime_seconds()) {}
	/// CPUs that they kept busy since then.
	double cpus() const;

      private:
	static double busy_seconds();   // of all CPUs
	static double own_seconds();    // ours, and our children's
	static double uptime_seconds(); // of the clock

	double busy_;
	double start_;
};

} // namespace bench
