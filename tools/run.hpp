// SPDX-License-Identifier: MIT
//
// run.hpp - `mempool run`: a command with the library's checks switched on.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace run_command {

struct options {
	std::string on_deadlock = "report";
	std::string debug; // further options for MEMPOOL_DEBUG
	std::vector<std::string> command;
};

/// Declares the command line.
void declare(CLI::App &app, options &wanted);

/// Becomes the command. Returns only if that fails: 127 where there is no such command, 126 where it cannot be run.
int start(const options &wanted);

} // namespace run_command
