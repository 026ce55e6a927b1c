// SPDX-License-Identifier: MIT
//
// fault.cpp - see fault.hpp.
#include "tools/fault.hpp"

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <mempool/fault-inject.h>
#include <system_error>
#include <unistd.h>

namespace fault {
namespace {

constexpr int wrong_setting = 2;

/// Somebody cut the page short while it was being written to.
void on_bus_error(int)
{
	constexpr char why[] = "mempool: fault: the control page was cut short meanwhile; restart the process\n";
	static_cast<void>(!write(STDERR_FILENO, why, sizeof(why) - 1));
	_exit(1);
}

/// The settings in one text: they are made together, or not at all.
std::string joined(const std::vector<std::string> &settings)
{
	std::string all;
	for (const std::string &one : settings)
		all += (all.empty() ? "" : ";") + one;
	return all;
}

/// The line that it is in, and a mark below the place.
std::string pointed_at(const std::string &text, size_t offset)
{
	const size_t start = text.find_last_of(";\n", offset > 0 ? offset - 1 : 0);
	const size_t from = start == std::string::npos || offset == 0 ? 0 : start + 1;
	const size_t end = text.find_first_of(";\n", offset);
	return "    " + text.substr(from, end == std::string::npos ? end : end - from) + "\n    " +
	       std::string(offset - from, ' ') + "^ ";
}

int set(const options &wanted)
{
	signal(SIGBUS, on_bus_error);
	const std::string text = joined(wanted.settings);
	mempool_fault_error error = {};
	error.size = sizeof(error);
	const int result = mempool_fault_apply(wanted.pid, text.c_str(), &error);
	if (result == 0)
		return 0;
	if (result != -EINVAL) {
		std::cerr << "mempool: fault set: " << error.text << '\n';
		return 1;
	}
	std::cerr << "mempool: fault set: this is wrong, and nothing is changed:\n"
		  << pointed_at(text, error.offset) << error.text << '\n'
		  << "mempool fault list says what there is to set\n";
	return wrong_setting;
}

void print(const std::string &text)
{
	if (fwrite(text.data(), 1, text.size(), stdout) != text.size() || fflush(stdout) != 0)
		throw std::system_error(errno, std::generic_category(), "standard output");
}

/// A process that is not this one, whose points would be none that anybody means.
bool reach(const char *what, pid_t pid)
{
	mempool_fault_error error = {};
	error.size = sizeof(error);
	if (mempool_fault_reach(pid, &error) == 0)
		return true;
	std::cerr << "mempool: fault " << what << ": " << error.text << '\n';
	return false;
}

} // namespace

void add(CLI::App &app, options &wanted)
{
	CLI::App *fault = app.add_subcommand("fault", "Let allocations fail in a running process, and see which did");
	fault->require_subcommand(0, 1); // refusal() sees to it that there is one: so a wrong one can be named
	fault->footer("The process must have a control page: start it with MEMPOOL_CONTROL=1, or MEMPOOL_FAULT.\n\n"
		      "  mempool fault set 4711 failslab.probability=50 failslab.times=-1\n"
		      "  mempool fault set 4711 'fail_mempool_alloc@requests=1,100,0,3'\n"
		      "  mempool fault set 4711 off\n"
		      "  mempool fault show 4711\n");
	const auto add_pid = [&wanted](CLI::App *to) {
		to->add_option("PID", wanted.pid, "The number of a process of yours")
			->required()
			->check(CLI::Range(1, INT_MAX));
	};
	CLI::App *show = fault->add_subcommand("show", "How the points of a process are set, and what they did");
	add_pid(show);
	show->add_flag("--json", wanted.json, "Print one JSON object")->disable_flag_override();
	CLI::App *set = fault->add_subcommand("set", "Set points of a process, all of it or nothing");
	add_pid(set);
	set->add_option("SETTING", wanted.settings,
			"As in MEMPOOL_FAULT: point.attribute=value, point=I,P,S,T, off ...")
		->required();
	CLI::App *list = fault->add_subcommand("list", "The library's points, and what each has to set");
	list->add_flag("--json", wanted.json, "Print one JSON object")->disable_flag_override();
}

std::string refusal(const CLI::App &app)
{
	return app.got_subcommand("fault") && app.get_subcommand("fault")->get_subcommands().empty()
		       ? "fault: show, set or list is needed"
		       : "";
}

int run(const CLI::App &app, const options &wanted)
{
	const CLI::App *fault = app.get_subcommand("fault");
	if (fault->got_subcommand("set"))
		return set(wanted);
	if (fault->got_subcommand("list")) {
		print(list(wanted.json));
		return 0;
	}
	if (!reach("show", wanted.pid))
		return 1;
	print(show(wanted.pid, wanted.json));
	return 0;
}

} // namespace fault
