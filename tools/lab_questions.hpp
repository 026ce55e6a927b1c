// SPDX-License-Identifier: MIT
//
// lab_questions.hpp - the questions of the quiz, each with what has to be done to
// see the answer.
#pragma once

#include <string>
#include <vector>

namespace lab {

class stage;

struct question {
	std::string text;
	std::vector<std::string> choices; // a, b, c
	size_t right;                     // which one, counted from 0
	int par;                          // the rule behind it
	size_t (*see)(stage &);           // does it; which choice it was, or as many as there are: none
};

const std::vector<question> &questions();

} // namespace lab
