// SPDX-License-Identifier: MIT
//
// demo_picture.hpp - the reserve's level over time, drawn with characters.
#pragma once

#include "tools/demo_run.hpp"

#include <string>

namespace demo {

struct canvas {
	unsigned columns; // for the picture itself
	bool utf8;        // may blocks of eighths be used?
};

/// The terminal's size and character set, as far as they can be found out.
canvas canvas_of_stdout();

/// Each column shows the lowest level in its time; exhaustion is marked below.
std::string picture(const run_result &run, unsigned min_nr, canvas on);

} // namespace demo
