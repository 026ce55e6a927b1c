// SPDX-License-Identifier: MIT
//
// trace.cpp - see trace.hpp.
#include "tools/trace.hpp"

#include "tools/trace_convert.hpp"
#include "tools/trace_record.hpp"

#include <CLI/CLI.hpp>
#include <cstring>

namespace trace {

int take_command(int argc, char **argv, options &wanted)
{
	if (argc < 2 || strcmp(argv[1], "trace") != 0)
		return argc;
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--") != 0)
			continue;
		wanted.command.assign(argv + i + 1, argv + argc);
		wanted.has_command = true;
		return i;
	}
	return argc;
}

void add_to(CLI::App &app, options &wanted)
{
	CLI::App *trace = app.add_subcommand(
		"trace", "Record what happens in the pools of a command, or convert recordings:\n"
			 "mempool trace [OPTIONS] -- COMMAND...\nmempool trace --to FORMAT FILE... [-o OUT]");
	trace->add_option("-o,--output", wanted.out,
			  "Where to: the recording (default: mempool.trace), or what it is converted to (default: "
			  "standard output)")
		->type_name("FILE");
	trace->add_option("--events", wanted.events, "Events kept of each thread, the newest (default: 4096)")
		->type_name("N")
		->check(CLI::Range(1U, 1U << 24));
	trace->add_option("--threads", wanted.threads, "Threads that can record at the same time (default: 64)")
		->type_name("N")
		->check(CLI::Range(1U, 1024U));
	trace->add_flag("--stacks", wanted.stacks, "Keep who called, with each event")->disable_flag_override();
	trace->add_flag("--no-fork", wanted.no_fork, "Record nothing of forked children")->disable_flag_override();
	trace->add_option("--to", wanted.to,
			  "Convert recordings: perfetto (Chrome's trace events, which "
			  "ui.perfetto.dev opens), html (a page), csv (a line an event)")
		->type_name("FORMAT")
		->check(CLI::IsMember(format_names()));
	trace->add_option("FILE", wanted.files, "Recordings to convert; several are put together");
	trace->footer("Examples:\n"
		      "  mempool trace -- mempool demo --messages 3000\n"
		      "  mempool trace --to perfetto mempool.trace* -o demo.json\n"
		      "Exit status: the command's; 125 when it could not be recorded, 126 when it cannot be\n"
		      "executed, 127 when it is not found. Converting: 0, or 1 when that failed. 2: the command\n"
		      "line is wrong.");
}

std::string refusal(const options &wanted)
{
	const bool recording_options = wanted.events != 0 || wanted.threads != 0 || wanted.stacks || wanted.no_fork;
	if (!wanted.to.empty() && wanted.has_command)
		return "trace: --to converts a recording, and COMMAND makes one: first one, then the other";
	if (!wanted.to.empty() && wanted.files.empty())
		return "trace: --to needs the name of a recording, such as mempool.trace";
	if (!wanted.to.empty() && recording_options)
		return "trace: --events, --threads, --stacks and --no-fork are for recording, not for --to";
	if (!wanted.to.empty())
		return "";
	if (!wanted.has_command && !wanted.files.empty())
		return "trace: record '" + wanted.files[0] + "' by 'mempool trace -- " + wanted.files[0] +
		       "', or convert it by --to perfetto, html or csv";
	if (!wanted.files.empty())
		return "trace: '" + wanted.files[0] + "' stands before the --, behind which the command begins";
	if (wanted.command.empty())
		return "trace: needs a command behind --, or --to and a recording";
	return wanted.command[0].empty() ? "trace: the command's name is empty" : "";
}

int run(const options &wanted)
{
	return wanted.to.empty() ? record(wanted) : convert(wanted);
}

} // namespace trace
