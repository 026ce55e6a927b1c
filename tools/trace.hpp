// SPDX-License-Identifier: MIT
//
// trace.hpp - `mempool trace`: records what happens in the pools of a command,
// and converts recordings for Perfetto, for a browser, and for spreadsheets.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace trace {

struct options {
	std::string out;                  // -o; empty: mempool.trace, or standard output
	std::string to;                   // the format; empty: record
	std::vector<std::string> files;   // recordings to convert
	std::vector<std::string> command; // what came behind "--"
	bool has_command = false;
	unsigned events = 0;  // of each thread; 0: the library's default
	unsigned threads = 0; // likewise
	bool stacks = false;
	bool no_fork = false;
};

/// It cannot go on; `status` is what the process ends with.
struct failure : std::runtime_error {
	explicit failure(const std::string &why, int exit_status = 1) : std::runtime_error(why), status(exit_status) {}
	int status;
};

/// What stands behind "--" is the command's, and not for the parser: takes it off
/// argv when the subcommand is trace. Returns the new argc.
int take_command(int argc, char **argv, options &wanted);

void add_to(CLI::App &app, options &wanted);

/// Why these options do not go together; empty when they do.
std::string refusal(const options &wanted);

/// The exit status: the command's when one was recorded. Throws failure.
int run(const options &wanted);

} // namespace trace
