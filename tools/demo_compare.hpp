// SPDX-License-Identifier: MIT
//
// demo_compare.hpp - what logd wrote against what was sent, line by line.
#pragma once

#include "tools/demo_script.hpp"

#include <cstdint>
#include <string>

namespace demo {

struct comparison {
	uint64_t written = 0;    // lines that are exactly what was sent, in each sender's order
	uint64_t lost = 0;       // messages without a line
	uint64_t wrong = 0;      // lines that are none of the messages, or in the wrong place
	std::string first_wrong; // what is wrong about the first of them
};

/// Reads the file; throws failure when it cannot. A last line without its end is
/// no line when its writer was `cut_off`.
comparison compare(const script &sent, const std::string &file, bool cut_off);

} // namespace demo
