// SPDX-License-Identifier: MIT
//
// fault.hpp - mempool fault: look at the fault points of a running process, set
// them, and list what there is to set.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <sys/types.h>
#include <vector>

namespace fault {

struct options {
	pid_t pid = 0;
	std::vector<std::string> settings;
	bool json = false;
};

/// The subcommand with its own: show, set, list.
void add(CLI::App &app, options &wanted);

/// What is wrong with the command line beyond what its parser sees; empty: nothing.
std::string refusal(const CLI::App &app);

/// 0; 1: the process cannot be reached; 2: a setting is wrong.
int run(const CLI::App &app, const options &wanted);

/// The points of a process (0: of this one, which are the library's) as a table, or as JSON.
std::string show(pid_t pid, bool json);

/// What there is to set, likewise.
std::string list(bool json);

} // namespace fault
