// SPDX-License-Identifier: MIT
//
// demo_daemon.hpp - one logd, started under a memory limit with a hoarder
// inside, until it has ended.
//
// Race table: begin_hoarding() and release() are for one thread at a time,
// beside the owner's; all else is the owner's alone.
#pragma once

#include <csignal>
#include <cstdint>
#include <functional>
#include <string>
#include <sys/types.h>
#include <sys/wait.h>
#include <vector>

namespace demo {

/// The address space that the daemon may use, its libraries and stacks included.
inline constexpr uint64_t memory_limit_bytes = uint64_t{256} << 20;

/// In a cgroup, memory; and what the hoarder leaves of it, less than the
/// library's watermark of 2 MiB: its backing is refused, yet nobody is killed
/// who needs no more.
inline constexpr uint64_t cgroup_limit_bytes = uint64_t{64} << 20;
inline constexpr uint64_t cgroup_leave_bytes = uint64_t{256} << 10;

/// logd, beside this program or where it was installed; throws failure.
std::string find_logd(const std::string &wanted);

class daemon {
      public:
	using line_fn = std::function<void(const std::string &line)>;

	/// Starts it, under a limit of address space, or in the cgroup of this file.
	/// What it prints is handed to `on_line`, one line at a time, by watch() and
	/// stop(). Throws failure.
	daemon(const std::vector<std::string> &command, const std::string &cgroup_procs, line_fn on_line);
	daemon(const daemon &) = delete;
	daemon &operator=(const daemon &) = delete;
	~daemon(); // ends it if need be

	/// Waits until it listens. Throws failure when it ends instead, or takes too long.
	void wait_until_listening(const std::string &socket_path);

	/// Sees to what it prints for a while. False when it has ended.
	bool watch(int timeout_ms);

	/// Orders to the hoarder; "" when they were followed, else why not. They
	/// wait for its answer, which says how much it ate.
	std::string begin_hoarding(uint64_t &bytes);
	std::string release();

	/// SIGTERM, and waits until it has written everything. False when it had to be
	/// killed, after the time or as the user does not want to wait.
	bool stop(int timeout_ms);

	/// "" after an exit status of 0; else how it ended.
	std::string how_it_ended() const;

	/// Has it ended, by SIGKILL?
	bool was_killed() const { return ended_ && WIFSIGNALED(status_) && WTERMSIG(status_) == SIGKILL; }

      private:
	static void child(const std::vector<std::string> &command, const std::string &cgroup_procs, int control,
			  int output);
	void read_output();
	std::string order(char command, const char *answer_verb, uint64_t &bytes);
	bool reap(int flags);

	line_fn on_line_;
	pid_t pid_ = -1;
	bool ended_ = false;
	int status_ = 0;
	int control_fd_ = -1;       // to the hoarder
	int output_fd_ = -1;        // its stdout and stderr
	bool output_ended_ = false; // nobody has its other end any more
	std::string unfinished_;
};

} // namespace demo
