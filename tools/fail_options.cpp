// SPDX-License-Identifier: MIT
//
// fail_options.cpp - the command line of `mempool fail`.
#include "tools/fail.hpp"
#include "tools/fail_size.hpp"

#include <CLI/CLI.hpp>
#include <string>

namespace fail {
namespace {

std::string refuse_empty(const std::string &value)
{
	return value.empty() ? "it is empty" : "";
}

CLI::Option *add_text(CLI::App &app, const std::string &name, std::string &into, const char *type, const char *help)
{
	return app.add_option(name, into, help)->type_name(type)->check(refuse_empty);
}

CLI::Option *add_list(CLI::App &app, const std::string &name, std::vector<std::string> &into, const char *help)
{
	return app.add_option(name, into, help)->type_name("PATTERN")->check(refuse_empty)->expected(1)->take_all();
}

/// One of them says what fails.
void add_modes(CLI::App &app, options &wanted)
{
	const auto choose = [&wanted](sweep_mode mode) {
		return [&wanted, mode](const auto &) { wanted.mode = mode; };
	};
	const char *group = "What fails";
	CLI::Option *stacks = app.add_flag_callback(
		"--stacks", [choose] { choose(sweep_mode::stacks)(0); }, "Each distinct call stack once (the default)");
	CLI::Option *every = app.add_flag_callback(
		"--every", [choose] { choose(sweep_mode::every)(0); }, "Each allocation once, by its number");
	CLI::Option *nth = app.add_option("--nth", wanted.nth, "The Nth allocation, in one run")
				   ->type_name("N")
				   ->check(CLI::Range(uint64_t{1}, UINT64_MAX));
	CLI::Option *pairs = app.add_flag_callback(
		"--pairs", [choose] { choose(sweep_mode::pairs)(0); },
		"Two in a run, within the budget (1m unless given)");
	CLI::Option *probability = app.add_option("--probability", wanted.random.probability,
						  "At random, in PERCENT of the cases; in --runs runs")
					   ->type_name("PERCENT")
					   ->check(CLI::Range(1U, 100U));
	nth->each(choose(sweep_mode::nth));
	probability->each(choose(sweep_mode::random));
	const std::vector<CLI::Option *> modes = {stacks, every, nth, pairs, probability};
	for (CLI::Option *one : modes)
		for (CLI::Option *other : modes)
			if (one != other)
				one->excludes(other);
	CLI::Option *persistent = app.add_flag("--persistent", wanted.persistent, "All that follow fail, too");
	persistent->excludes(pairs)->excludes(probability)->disable_flag_override();
	for (CLI::Option *option : {stacks, every, nth, pairs, probability, persistent})
		option->group(group);

	const auto random = [&](const char *name, auto &into, const char *help, auto check) {
		app.add_option(name, into, help)->type_name("N")->check(check)->needs(probability)->group(group);
	};
	random("--interval", wanted.random.interval, "At random: only each Nth case is looked at",
	       CLI::Range(1U, 1000000000U));
	random("--times", wanted.random.times, "At random: the most failures in a run, -1 for no limit (1)",
	       CLI::Range(-1, 1000000000));
	random("--space", wanted.random.space, "At random: bytes that are let through first",
	       CLI::Range(uint64_t{0}, uint64_t{INT32_MAX}));
	random("--seed", wanted.random.seed, "At random: the first run's seed; the next has one more (1)",
	       CLI::Range(uint64_t{0}, UINT64_MAX - 1000000000));
	random("--runs", wanted.random.runs, "At random: how many runs (20)", CLI::Range(1U, 1000000000U));
}

void add_filters(CLI::App &app, options &wanted)
{
	filters &f = wanted.filters;
	const std::vector<CLI::Option *> all = {
		add_list(app, "--only-module", f.only_modules, "A module whose name fits is among the callers"),
		add_list(app, "--not-module", f.not_modules, "None is"),
		add_list(app, "--only-function", f.only_functions, "A function whose name fits is among the callers"),
		add_list(app, "--not-function", f.not_functions, "None is"),
		app.add_option("--depth", f.filter_depth, "How many callers are looked at (32); 1 is the caller alone")
			->type_name("N")
			->check(CLI::Range(1U, 48U)),
		add_text(app, "--size", f.size, "MIN-MAX", "Of so many bytes; K, M and G are understood"),
		add_text(app, "--thread", f.thread, "PATTERN", "In threads whose name or path (main, main.2) fits"),
		add_text(app, "--executable", f.executable, "PATTERN", "In processes whose program fits"),
		app.add_option("--process", f.process, "Only in the Nth process of the tree")
			->type_name("N")
			->check(CLI::Range(1U, 256U)),
		app.add_flag("--after-main", f.after_main, "Only once main has begun")->disable_flag_override(),
		app.add_flag("--mmap", f.mmap, "Calls of mmap and mremap are allocations, too")
			->disable_flag_override(),
	};
	for (CLI::Option *option : all)
		option->group("Which allocations count");
}

void add_running(CLI::App &app, options &wanted)
{
	const std::vector<CLI::Option *> all = {
		add_text(app, "--stdin", wanted.input, "FILE", "Each run's standard input (/dev/null)"),
		add_text(app, "--workdir", wanted.workdir, "DIR", "Each run is in a fresh copy of DIR"),
		add_text(app, "--setup", wanted.setup, "CMD", "Done by sh before each run"),
		add_text(app, "--ready", wanted.ready, "CMD", "A server: asked until it succeeds"),
		add_text(app, "--drive", wanted.drive, "CMD", "A server: uses it, then it gets SIGTERM"),
		app.add_option("--timeout", wanted.timeout_s,
			       "When a run hangs (10 times the unharmed run, 5 s at least)")
			->type_name("SECONDS")
			->check(CLI::Range(0.05, 86400.0)),
		app.add_option("--expect-status", wanted.expected_status, "The exit status when nothing fails (0)")
			->type_name("N")
			->check(CLI::Range(0, 255)),
		app.add_flag("--ignore-output", wanted.ignore_output, "Another output is not a wrong result")
			->disable_flag_override(),
		app.add_flag("--ignore-leaks", wanted.ignore_leaks, "Do not look for leaks")->disable_flag_override(),
		add_text(app, "--preload", wanted.preload, "FILE",
			 "The library to preload (the one that came with this)"),
		app.add_option("--jobs", wanted.jobs, "Runs at a time (1)")
			->type_name("N")
			->check(CLI::Range(1U, 256U)),
		add_text(app, "--budget", wanted.budget_text, "RUNS|TIME", "Stop after so many runs, or 90s, 5m, 1h"),
		add_text(app, "--shard", wanted.shard_text, "I/N", "Do the Ith of N parts"),
		add_text(app, "--resume", wanted.resume, "FILE|DIR", "Note each run there, and do none twice"),
	};
	for (CLI::Option *option : all)
		option->group("How it is run");
}

void add_reports(CLI::App &app, options &wanted)
{
	CLI::Option *known =
		add_text(app, "--known", wanted.known, "FILE", "Findings that are accepted: only new ones count");
	CLI::Option *replay = add_text(app, "--replay", wanted.replay, "TOKEN", "Do a finding's run again");
	const std::vector<CLI::Option *> all = {
		add_text(app, "--json", wanted.json, "FILE", "All as JSON; - is the standard output"),
		add_text(app, "--junit", wanted.junit, "FILE", "Findings as JUnit XML"),
		add_text(app, "--html", wanted.html, "FILE", "One page with stacks and a picture"),
		known,
		app.add_flag("--update-known", wanted.update_known, "Write what was found to that file")
			->needs(known)
			->disable_flag_override(),
		replay,
		app.add_flag("--gdb", wanted.gdb, "Under the debugger, stopped where it fails")
			->needs(replay)
			->disable_flag_override(),
		app.add_flag("-q,--quiet", wanted.quiet, "Do not print what is known")->disable_flag_override(),
		app.add_flag("-v,--verbose", wanted.verbose, "Print each run, not findings alone")
			->disable_flag_override(),
	};
	for (CLI::Option *option : all)
		option->group("Reports");
}

constexpr char examples[] = R"(Examples:
  mempool fail -- sqlite3 :memory: 'create table t(x); select 1'
  mempool fail --every --jobs 2 --html report.html -- ./program argument
  mempool fail --only-module 'libjq*' --stdin in.json -- jq .
  mempool fail --ready 'redis-cli ping' --drive 'redis-cli set a 1' -- redis-server --save ''
  mempool fail --known accepted.txt --junit fail.xml -- make check
{} in COMMAND and in CMD stands for a folder of the run's own.
Exit status: 0 nothing found, 1 findings, 2 usage, 3 the command does not run when nothing fails.)";

} // namespace

// CLI11 would look into the command's own words: it takes [a,b] for a list, and drops a second --.
int take_command(int argc, char **argv, options &wanted)
{
	if (argc < 2 || std::string(argv[1]) != "fail")
		return argc;
	for (int i = 2; i < argc; i++) {
		if (std::string(argv[i]) != "--")
			continue;
		wanted.command.assign(argv + i + 1, argv + argc);
		return i;
	}
	return argc;
}

void add_command(CLI::App &app, options &wanted)
{
	CLI::App *fail = app.add_subcommand(
		"fail",
		"Make allocations of any program fail, each in a run of its own, and judge what comes of it:\n"
		"mempool fail [OPTIONS] -- COMMAND...\nmempool fail --replay TOKEN [--gdb] [OPTIONS] -- COMMAND...");
	add_modes(*fail, wanted);
	add_filters(*fail, wanted);
	add_running(*fail, wanted);
	add_reports(*fail, wanted);
	fail->footer(examples);
}

std::string refusal(options &wanted)
{
	if (wanted.command.empty())
		return "a command is needed, after --: mempool fail [OPTIONS] -- COMMAND...";
	if (wanted.command.front().empty())
		return "the command's name is empty";
	if (wanted.drive.empty() != wanted.ready.empty() && wanted.ready.empty())
		return "--drive needs --ready, which tells when the server can be used";
	try {
		size_range_of(wanted.filters.size);
		wanted.budget = budget_of(wanted.budget_text);
		if (wanted.mode == sweep_mode::pairs && wanted.budget_text.empty())
			wanted.budget = budget_of("1m");
		shard_of(wanted.shard_text, wanted.shard, wanted.shards);
	} catch (const failure &e) {
		return e.what();
	}
	return "";
}

} // namespace fail
