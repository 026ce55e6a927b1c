// SPDX-License-Identifier: MIT
//
// fail_report.hpp - what was found: for people, and as JSON, JUnit XML and a page.
#pragma once

#include "tools/fail_findings.hpp"
#include "tools/fail_sweep.hpp"

#include <string>

namespace fail {

/// All that reports are made of.
struct account {
	const options &wanted;
	const reference &known;
	const findings &found;
	const result &done;
	symbols &names;
	std::string program;
};

/// A finding with its stacks and its token.
std::string text_of(const finding &f, size_t number, symbols &names);
/// A run, in a line.
std::string text_of(const outcome &o, const options &wanted, symbols &names);
/// The innermost call of a program that is not the C library's, in words; "" of none.
std::string site_of(const call_stack &calls, symbols &names);
/// "2 crashes, 1 leak"; "" when there is none.
std::string found_in_short(const findings &found);
/// The same of a whole sweep, which may have found nothing, or nothing yet.
std::string found_in_short(const account &a);
/// That there are runs left, and why; "" when there are none.
std::string left_in_short(const result &done);
/// That wrong frees may not have been seen in some runs.
std::string lost_in_short(const result &done);
/// The end of the report: how many runs ended how.
std::string summary(const account &a);
/// What shows it again, for a shell: `mempool fail --replay TOKEN -- COMMAND`.
std::string replay_command(const std::string &token, const options &wanted);

std::string as_json(const account &a);
std::string as_junit(const account &a);
std::string as_html(const account &a);

} // namespace fail
