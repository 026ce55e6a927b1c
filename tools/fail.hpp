// SPDX-License-Identifier: MIT
//
// fail.hpp - `mempool fail`: runs any program again and again, makes an
// allocation fail in each run, and says what came of it.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace fail {

/// Which allocations are made to fail.
enum class sweep_mode { stacks, every, nth, random, pairs };

/// Which allocations count at all.
struct filters {
	std::vector<std::string> only_modules;
	std::vector<std::string> not_modules;
	std::vector<std::string> only_functions;
	std::vector<std::string> not_functions;
	std::string size; // MIN-MAX, as given
	std::string thread;
	bool after_main = false;
	unsigned process = 0;      // the Nth of the tree; 0: all
	bool mmap = false;         // calls of mmap are allocations, too
	std::string executable;    // a pattern, as those above
	unsigned filter_depth = 0; // how many calls up modules and functions are looked for; 0: as the library says
};

/// As the kernel's fault attributes (PAR-37).
struct random_attributes {
	unsigned probability = 0; // percent
	unsigned interval = 1;
	int times = 1; // -1: no limit
	uint64_t space = 0;
	uint64_t seed = 1;
	unsigned runs = 20; // with seed, seed + 1, ...
};

/// How long to go on, in runs or in time; 0: no limit.
struct budget {
	uint64_t runs = 0;
	uint64_t ns = 0;
};

struct options {
	std::vector<std::string> command;
	sweep_mode mode = sweep_mode::stacks;
	uint64_t nth = 0;
	bool persistent = false;
	random_attributes random;
	struct filters filters;

	std::string input;   // for the command's standard input
	std::string workdir; // each run has a copy of it to be in
	std::string setup;
	std::string ready;
	std::string drive;
	double timeout_s = 0; // 0: by the unharmed run
	int expected_status = 0;
	bool ignore_output = false;
	bool ignore_leaks = false;
	std::string preload; // the library; empty: look for it

	std::string budget_text;
	struct budget budget;
	unsigned jobs = 1;
	std::string shard_text;
	unsigned shard = 1;
	unsigned shards = 1;
	std::string resume;

	std::string json;
	std::string junit;
	std::string html;
	std::string known;
	bool update_known = false;

	std::string replay; // a token
	bool gdb = false;
	bool quiet = false;
	bool verbose = false; // all runs, not the findings alone
};

/// What cannot go on; `status` is what the process ends with.
struct failure : std::runtime_error {
	explicit failure(const std::string &why, int exit_status) : std::runtime_error(why), status(exit_status) {}
	int status;
};

constexpr int found_nothing = 0;
constexpr int found_something = 1;
constexpr int wrong_usage = 2;
constexpr int not_unharmed = 3; // the program does not run when nothing fails

/// Takes what stands behind the first --, as it is, from the command line of `mempool fail`. What is left of argc.
int take_command(int argc, char **argv, options &wanted);
/// The subcommand with its options, which it fills in.
void add_command(CLI::App &app, options &wanted);
/// What is wrong with options that cannot be told from one alone; empty when nothing is. Completes them.
std::string refusal(options &wanted);
/// Does it. One of the statuses above, or 128 + a signal. Throws failure.
int run(const options &wanted);

} // namespace fail
