// SPDX-License-Identifier: MIT
//
// fail_token.hpp - a run in one word, from which it can be done again.
#pragma once

#include "tools/fail_judge.hpp"

#include <string>

namespace fail {

/// "mf1:n=37:x=8f3a12...:v=crash". `seen`: the stack that failed, to know it again; 0: none.
std::string token_of(const plan &planned, const options &wanted, uint64_t seen, verdict what);

/// What a token says. Filters and random attributes go into the options.
struct told {
	plan planned;
	uint64_t seen = 0;
	verdict what = verdict::unreached; // what came of it then
};
/// Throws failure (usage) that says what is wrong with it.
told read_token(const std::string &token, options &wanted);

/// 16 digits.
std::string hexadecimal(uint64_t number);

} // namespace fail
