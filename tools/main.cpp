// SPDX-License-Identifier: MIT
//
// main.cpp - the mempool command: one subcommand a job. Exit status 0: done; 1:
// it failed, and stderr says why; 2: the command line is wrong. What a
// subcommand means besides is in its own file.
#include "tools/certify.hpp"
#include "tools/demo.hpp"
#include "tools/fail.hpp"
#include "tools/fault.hpp"
#include "tools/lab.hpp"
#include "tools/run.hpp"
#include "tools/size.hpp"
#include "tools/stat.hpp"
#include "tools/top.hpp"
#include "tools/trace.hpp"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <exception>
#include <iostream>
#include <string>
#include <system_error>
#include <vector>

#ifndef MEMPOOL_VERSION
#define MEMPOOL_VERSION "unknown"
#endif

namespace {

constexpr int usage_error = 2;

/// A name that a script forgot to fill in is not the same as none.
std::string refuse_empty(const std::string &value)
{
	return value.empty() ? "the name is empty" : "";
}

void add_demo(CLI::App &app, demo::options &wanted)
{
	CLI::App *demo = app.add_subcommand(
		"demo", "Run a real daemon twice while its memory runs out: with malloc, and with a mempool");
	demo->add_option("--input", wanted.input, "Log lines to send (default: this machine's own logs)")
		->type_name("FILE")
		->check(refuse_empty);
	demo->add_option("--messages", wanted.messages, "How many messages to send")
		->capture_default_str()
		->type_name("N")
		->check(CLI::Range(uint64_t{300}, uint64_t{100000000}));
	demo->add_option("--senders", wanted.senders, "How many threads send them")
		->capture_default_str()
		->type_name("N")
		->check(CLI::Range(1U, 64U));
	demo->add_option("--min-nr", wanted.min_nr, "Records that the pool keeps in reserve")
		->capture_default_str()
		->type_name("N")
		->check(CLI::Range(1U, 32768U));
	demo->add_flag("--cgroup", wanted.cgroup, "Let memory end in a memory cgroup, where the kernel kills")
		->disable_flag_override();
	demo->add_flag("--json", wanted.json, "Print the figures as one JSON object")->disable_flag_override();
	demo->add_option("--keep", wanted.keep, "Leave what was written in this folder, which must be empty or new")
		->type_name("DIR")
		->check(refuse_empty);
	demo->add_option("--logd", wanted.logd, "The daemon to run (default: the one that came with this command)")
		->type_name("FILE")
		->check(refuse_empty);
}

void add_certify(CLI::App &app, certify::options &wanted)
{
	CLI::App *certify =
		app.add_subcommand("certify", "Say whether reserves are guaranteed: of pools made here and now, or of "
					      "a process that publishes its own");
	CLI::Option *pid = certify->add_option("PID", wanted.pid, "A process that was started with MEMPOOL_PUBLISH=1")
				   ->type_name("PID")
				   ->check(CLI::PositiveNumber);
	certify->add_option("--min-nr", wanted.min_nr, "Elements that each pool keeps in reserve")
		->capture_default_str()
		->type_name("N")
		->check(CLI::Range(1, 1000000));
	certify->add_option("--size", wanted.size_bytes, "Bytes of one element")
		->capture_default_str()
		->type_name("BYTES")
		->check(CLI::Range(size_t{1}, size_t{4} << 20));
	certify->add_option("--backing", wanted.backings, "Where elements come from (default: each in turn)")
		->delimiter(',')
		->check(CLI::IsMember(certify::backing_names()));
	certify->add_option("--at-fork", wanted.at_fork, "What a child has of the reserve (default: each in turn)")
		->delimiter(',')
		->check(CLI::IsMember(certify::at_fork_names()));
	certify->add_option("--residency", wanted.residency, "Whether reserves shall be in memory for good")
		->capture_default_str()
		->check(CLI::IsMember(certify::residency_names()));
	certify->add_flag("--fork", wanted.fork, "Fork, and look on both sides")->disable_flag_override();
	for (const char *of_made_pools : {"--min-nr", "--size", "--backing", "--at-fork", "--residency", "--fork"})
		pid->excludes(certify->get_option(of_made_pools));
	certify->add_flag("--json", wanted.json, "Print one JSON object")->disable_flag_override();
}

std::string message(const CLI::App *, const CLI::Error &e)
{
	return std::string("mempool: ") + e.what() +
	       "\nmempool --help lists the commands; a command's own --help, its options\n";
}

void check_command(const CLI::App &app)
{
	const std::vector<std::string> unknown = app.remaining();
	if (!unknown.empty())
		throw CLI::ExtrasError("unknown " + std::string(unknown[0][0] == '-' ? "option" : "command") + " '" +
					       unknown[0] + "'",
				       CLI::ExitCodes::ExtrasError);
	if (app.get_subcommands().empty())
		throw CLI::RequiredError("a command is needed", CLI::ExitCodes::RequiredError);
	for (const CLI::App *command : app.get_subcommands())
		if (command->count() > 1)
			throw CLI::ExtrasError("the command is given twice", CLI::ExitCodes::ExtrasError);
}

/// After a wrong command line, or --help and --version, whose text standard output must take.
int leave(const CLI::App &app, const CLI::ParseError &e)
{
	if (app.exit(e) != 0)
		return usage_error;
	if (!std::cout.flush())
		throw std::system_error(errno, std::generic_category(), "standard output");
	return 0;
}

/// All that a command line can say.
struct everything {
	demo::options demo;
	certify::options certify;
	lab::options lab;
	trace::options trace;
	fault::options fault;
	stat_command::options stat;
	top::options top;
	run_command::options run;
	size::options size;
	fail::options fail;
};

void declare(CLI::App &app, everything &wanted)
{
	add_demo(app, wanted.demo);
	add_certify(app, wanted.certify);
	lab::declare(app, wanted.lab);
	trace::add_to(app, wanted.trace);
	fault::add(app, wanted.fault);
	stat_command::add(app, wanted.stat);
	top::add(app, wanted.top);
	run_command::declare(app, wanted.run);
	size::declare(app, wanted.size);
	fail::add_command(app, wanted.fail);
}

/// Why the options of the chosen subcommand make no sense; empty when they do.
std::string refusal(const CLI::App &app, everything &wanted)
{
	if (app.got_subcommand("certify"))
		return certify::refusal(wanted.certify);
	if (app.got_subcommand("lab"))
		return lab::refusal(wanted.lab);
	if (app.got_subcommand("trace"))
		return trace::refusal(wanted.trace);
	if (app.got_subcommand("size"))
		return size::refusal(wanted.size);
	if (app.got_subcommand("fail"))
		return fail::refusal(wanted.fail);
	return fault::refusal(app);
}

int start(const CLI::App &app, const everything &wanted)
{
	if (app.got_subcommand("demo"))
		return demo::run(wanted.demo);
	if (app.got_subcommand("certify"))
		return certify::run(wanted.certify);
	if (app.got_subcommand("lab"))
		return lab::start(wanted.lab);
	if (app.got_subcommand("trace"))
		return trace::run(wanted.trace);
	if (app.got_subcommand("fault"))
		return fault::run(app, wanted.fault);
	if (app.got_subcommand("stat"))
		return stat_command::run(wanted.stat);
	if (app.got_subcommand("top"))
		return top::run(wanted.top);
	if (app.got_subcommand("run"))
		return run_command::start(wanted.run);
	if (app.got_subcommand("size"))
		return size::run(wanted.size);
	return fail::run(wanted.fail);
}

int run(int argc, char **argv)
{
	CLI::App app("Work with libmempool: the Linux kernel's mempool in userspace", "mempool");
	everything wanted;
	argc = trace::take_command(argc, argv, wanted.trace);
	argc = fail::take_command(argc, argv, wanted.fail);
	app.set_version_flag("--version", "mempool " MEMPOOL_VERSION);
	app.failure_message(message);
	declare(app, wanted);
	app.allow_extras(); // so that an unknown command can be named; after the subcommands, which take none
	try {
		app.parse(argc, argv);
		check_command(app);
		if (const std::string why = refusal(app, wanted); !why.empty())
			throw CLI::ValidationError(why);
	} catch (const CLI::ParseError &e) {
		return leave(app, e);
	}
	return start(app, wanted);
}

} // namespace

int main(int argc, char **argv)
{
	try {
		return run(argc, argv);
	} catch (const demo::failure &e) {
		std::cerr << "mempool demo: " << e.what() << '\n';
		return e.status;
	} catch (const trace::failure &e) {
		std::cerr << "mempool trace: " << e.what() << "\n";
		return e.status;
	} catch (const fail::failure &e) {
		std::cerr << "mempool fail: " << e.what() << '\n';
		return e.status;
	} catch (const std::exception &e) {
		std::cerr << "mempool: " << e.what() << '\n';
		return 1;
	}
}
