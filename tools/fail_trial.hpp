// SPDX-License-Identifier: MIT
//
// fail_trial.hpp - one run of the command: what was planned to fail in it, and
// all that was seen.
#pragma once

#include "tools/fail.hpp"
#include "tools/fail_files.hpp"
#include "tools/fail_keeper.hpp"
#include "tools/fail_symbols.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace fail {

/// What is to fail in a run.
struct plan {
	enum class first { nothing, nth, stack, random };
	enum class more { nothing, all, second };
	first kind = first::nothing;
	more then = more::nothing;
	unsigned process = 0;    // of the tree, from 1; 0: in each
	uint64_t n = 0;          // nth: which allocation of its process, from 1
	uint64_t stack = 0;      // stack: whose, by the digest of its calls
	uint64_t occurrence = 1; // and which of that stack's
	uint64_t second = 0;     // the n of another that fails
	uint64_t seed = 0;       // random
	bool operator==(const plan &) const = default;
};

using call_stack = std::vector<place>; // the innermost call first

/// A distinct call stack that allocated.
struct site {
	uint64_t digest = 0;
	unsigned process = 0; // that had it first
	uint64_t n = 0;       // and when
	uint64_t count = 0;   // in all processes
	uint64_t bytes = 0;   // the first time
	std::string function; // "malloc"
	call_stack calls;
};

/// An allocation that was made to fail.
struct injection {
	unsigned process = 0;
	uint64_t n = 0;
	uint64_t stack = 0;
	uint64_t occurrence = 0;
	uint64_t bytes = 0;
	std::string function;
	std::string thread;
	call_stack calls;
};

/// A signal that struck a process of the tree, or a misuse of the heap.
struct accident {
	int signal = 0;
	bool handled = false; // the program has a handler for it, and may have lived on
	std::string what;     // of a misuse: "double free"
	uint64_t address = 0;
	uint64_t failed_before = 0; // allocations, in its process
	unsigned process = 0;
	std::string thread;
	call_stack calls;
	call_stack allocated; // of a misuse, as far as it is known
	call_stack freed;
};

/// Blocks of one call stack that were never freed, and that nothing points to.
struct leak {
	uint64_t stack = 0;
	uint64_t blocks = 0;
	uint64_t bytes = 0;
	call_stack calls;
};

/// One process of the tree.
struct member {
	uint64_t allocations = 0; // that the filters let through
	uint64_t failed = 0;
	bool exited = false;
	int status = 0;
	bool leaks_checked = false;
	std::string executable; // "" when it never told
};

/// What the preloaded library told.
struct observation {
	std::vector<member> processes; // the first is number 1; none: it was not loaded
	std::vector<site> sites;
	std::vector<injection> injections;
	std::vector<accident> crashes;
	std::vector<accident> misuses;
	std::vector<leak> leaks;
	std::vector<std::string> notes; // tables that were full, and so on
	bool lost_sight = false;        // of blocks: wrong frees are not seen any more
	uint64_t allocations() const;
	uint64_t failed() const;
};

/// How the command ended, and what it printed.
struct trial {
	plan planned;
	int exec_error = 0;
	int status = 0; // as of waitpid()
	bool timed_out = false;
	bool left_over = false; // it ended, and processes of it did not
	bool flooded = false;   // it printed without end
	bool was_ready = true;
	bool interrupted = false; // we were told to stop in the middle
	int drive_status = 0;     // likewise as of waitpid()
	uint64_t took_ns = 0;
	printed out;
	printed err;
	printed driven; // what --drive printed
	observation seen;
};

struct scene;

/// Runs the command. Any thread may, each with a slot of its own.
class runner {
      public:
	/// Throws failure when command, library or files are not there.
	explicit runner(const options &wanted);

	/// limit_ns: when it counts as hanging; grace_ns: how long what it left behind may live. Throws
	/// std::runtime_error when it could not be run at all, failure when --setup fails.
	trial run(const plan &planned, unsigned slot, uint64_t limit_ns, uint64_t grace_ns) const;
	/// Under gdb, on our terminal, stopped where an allocation fails. gdb's exit status.
	int debug(const plan &planned) const;
	const std::string &program() const { return program_; }

      private:
	scene prepare(const plan &planned, unsigned slot) const;
	void set_up(const scene &at, uint64_t limit_ns) const;
	int shell(const scene &at, const std::string &script, const std::string &output, uint64_t limit_ns) const;
	void serve(const scene &at, keeper &server, trial &result, uint64_t limit_ns) const;

	const options &wanted_;
	run_folders folders_;
	std::string program_;
	std::string preload_;
};

} // namespace fail
