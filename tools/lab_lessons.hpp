// SPDX-License-Identifier: MIT
//
// lab_lessons.hpp - which lessons there are, and running one.
#pragma once

#include "tools/lab_model.hpp"

#include <string>
#include <vector>

namespace lab {

class stage;

/// A lesson: what it is called, and what it does on the stage.
struct lesson {
	const char *name;
	const char *title; // one line
	void (*act)(stage &);
};

/// All of them, in the order in which they teach.
const std::vector<lesson> &lessons();

/// nullptr: there is none of that name.
const lesson *find_lesson(const std::string &name);

/// Runs the real library through it; throws std::runtime_error when it cannot come to its end.
run play(const lesson &what);

} // namespace lab
