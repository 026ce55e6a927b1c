// SPDX-License-Identifier: MIT
//
// fail_keeper.hpp - a process between `mempool fail` and one run of the
// command. Whatever the command leaves behind, forked, daemonised or in a
// session of its own, becomes a child of the keeper, which can end it all.
#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace fail {

/// What is to be started.
struct command_line {
	std::string program;                  // the file to execute
	std::vector<std::string> arguments;   // argv, argv[0] too
	std::vector<std::string> environment; // NAME=VALUE, all of it
	std::string folder;                   // to be in; empty: where we are
	std::string input;                    // a file; empty: /dev/null
	std::string output;                   // files that take what it prints
	std::string errors;
	bool random_addresses = false; // leave the kernel's randomisation of addresses on
};

/// One started command with all its descendants. One thread uses it.
class keeper {
      public:
	/// Throws std::runtime_error when it cannot be started (for lack of processes, say).
	explicit keeper(const command_line &what);
	keeper(const keeper &) = delete;
	keeper &operator=(const keeper &) = delete;
	~keeper(); // ends the whole tree

	/// Waits until something happens, or the time is over. True when something did.
	bool wait(int timeout_ms);
	/// The command itself has ended; descendants may be left.
	bool ended() const { return ended_; }
	/// Nothing of it is left.
	bool gone() const { return gone_; }
	/// As of waitpid(); once it has ended.
	int status() const { return status_; }
	/// An errno, when the program could not be executed.
	int exec_error() const { return exec_error_; }
	pid_t pid() const { return pid_; }
	/// To the command alone.
	void signal(int signal_nr) const;
	/// SIGKILL to all of the tree, until nothing is left.
	void end_all();

      private:
	void take(const int32_t *message);

	pid_t keeper_ = -1;
	pid_t pid_ = -1; // the command
	int events_ = -1;
	bool ended_ = false;
	bool gone_ = false;
	int status_ = 0;
	int exec_error_ = 0;
};

} // namespace fail
