// SPDX-License-Identifier: MIT
//
// demo_report.hpp - both runs side by side, for people and for programs.
#pragma once

#include "tools/demo_run.hpp"

#include <string>
#include <vector>

namespace demo {

struct outcome {
	const options &wanted;
	const script &what;
	const run_result &malloc_run;
	const run_result &mempool_run;
	std::vector<std::string> complaints; // why it is not as it should be
};

/// Both runs judged: what speaks against mempool, or against the demo itself.
std::vector<std::string> complaints_about(const run_result &malloc_run, const run_result &mempool_run);

/// A table, the picture of the reserve, and the summary as the last line.
std::string report_for_people(const outcome &o);

/// The same as one JSON object.
std::string report_as_json(const outcome &o);

} // namespace demo
