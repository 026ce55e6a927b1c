// SPDX-License-Identifier: MIT
//
// size.hpp - `mempool size`: how large must min_nr be? Answered from a recording.
#pragma once

#include <cstdint>
#include <string>

namespace CLI {
class App;
}

namespace size {

struct options {
	std::string source; // a process or a recording
	std::string pool;   // only the one of this name
	std::string max_wait = "10ms";
	std::string outage;
	std::string outage_at;
	std::string rate;
	std::string svg; // files to write; "-": standard output
	bool json = false;
	bool verify = false;
};

/// Declares the command line.
void declare(CLI::App &app, options &wanted);

/// Why these options make no sense; empty when they do.
std::string refusal(const options &wanted);

/// Exit status: 0; 1 when a check against the library fails. Throws tools::output_error.
int run(const options &wanted);

} // namespace size
