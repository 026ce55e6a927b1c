// SPDX-License-Identifier: MIT
//
// lab_terminal.hpp - a lesson in the terminal: step after step, by keys or without.
#pragma once

#include "tools/lab_model.hpp"
#include "tools/lab_print.hpp"

#include <string>

namespace lab {

/// One step, as lines.
std::string step_text(const run &lesson, size_t number, const look &how);

/// The lesson's result in a line.
std::string verdict_text(const run &lesson, const look &how);

/// Shows a lesson; false when the user had enough of it (q).
bool show(const run &lesson, const look &how);

} // namespace lab
