// SPDX-License-Identifier: MIT
//
// fail_outcome.hpp - what is kept of a run once it is judged; as JSON, too, for
// reports and for a sweep that is resumed.
#pragma once

#include "tools/fail_judge.hpp"

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace fail {

struct outcome {
	plan planned;
	std::vector<judgement> judged; // the worst first
	std::vector<injection> failed; // at most two: the first, and the second of a pair
	uint64_t failures = 0;         // all of them
	uint64_t allocations = 0;      // of the process in which the first failed
	uint64_t took_ns = 0;
	bool lost_sight = false; // of blocks: a wrong free may not have been seen
	std::vector<site> sites; // that it went through
	verdict what() const { return judged.empty() ? verdict::unreached : judged.front().what; }
	/// The program dealt with the failure. What it does after a crash is of no interest.
	bool goes_on() const { return what() <= verdict::leak && what() != verdict::unreached; }
	bool is_finding() const { return what() >= first_finding; }
};

outcome outcome_of(const trial &t, const reference &known);

nlohmann::ordered_json to_json(const call_stack &calls);
nlohmann::ordered_json to_json(const injection &failed);
nlohmann::ordered_json to_json(const outcome &o);
/// Throws nlohmann::json::exception when it is none.
outcome outcome_from(const nlohmann::ordered_json &j);

} // namespace fail
