// SPDX-License-Identifier: MIT
//
// run.cpp - see run.hpp.
#include "tools/run.hpp"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace run_command {
namespace {

constexpr int cannot_run = 126;
constexpr int not_found = 127;

/// What MEMPOOL_DEBUG is to be: what it is already, what is asked for, and the search for deadlocks.
std::string debug_options(const options &wanted)
{
	std::string all;
	const char *given = getenv("MEMPOOL_DEBUG");
	for (const std::string &more : {std::string(given != nullptr ? given : ""), wanted.debug,
					std::string(wanted.on_deadlock == "abort" ? "deadlock-abort" : "deadlock")})
		if (!more.empty())
			all += (all.empty() ? "" : ",") + more;
	return all;
}

} // namespace

void declare(CLI::App &app, options &wanted)
{
	CLI::App *sub =
		app.add_subcommand("run", "Run a program that uses libmempool, and report deadlocks before they hang");
	sub->add_option("--on-deadlock", wanted.on_deadlock,
			"report: say who waits for whom, and go on; abort: say so, and end the program by SIGABRT")
		->capture_default_str()
		->check(CLI::IsMember({"report", "abort"}));
	sub->add_option("--debug", wanted.debug, "Further checks, as in MEMPOOL_DEBUG: poison,track")
		->type_name("NAMES");
	sub->add_option("COMMAND", wanted.command, "The program and its arguments, after --")->required();
	sub->positionals_at_end();
	sub->footer("Example:\n  mempool run --on-deadlock=abort -- ./daemon --foreground\n"
		    "The exit status is the program's; 126 if it cannot be run, 127 if there is none of that name.");
}

int start(const options &wanted)
{
	if (setenv("MEMPOOL_DEBUG", debug_options(wanted).c_str(), 1) != 0) {
		perror("mempool run: environment");
		return cannot_run;
	}
	std::vector<char *> arguments;
	for (const std::string &argument : wanted.command)
		arguments.push_back(const_cast<char *>(argument.c_str()));
	arguments.push_back(nullptr);
	execvp(arguments[0], arguments.data());
	const int error = errno;
	fprintf(stderr, "mempool run: cannot run '%s': %s\n", arguments[0], strerror(error));
	return error == ENOENT ? not_found : cannot_run;
}

} // namespace run_command
