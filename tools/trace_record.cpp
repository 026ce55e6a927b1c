// SPDX-License-Identifier: MIT
//
// trace_record.cpp - see trace_record.hpp.
#include "tools/trace_record.hpp"

#include "tools/text.hpp"
#include "tools/trace_file.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace trace {
namespace {

namespace fs = std::filesystem;

constexpr int cannot_record = 125;
constexpr int cannot_execute = 126;
constexpr int not_found = 127;
constexpr const char *default_file = "mempool.trace";

constinit std::atomic<pid_t> child{0};

void pass_on(int signal_number)
{
	if (const pid_t pid = child.load(std::memory_order_relaxed); pid > 0)
		kill(pid, signal_number);
}

/// The terminal sends SIGINT and SIGQUIT to the command itself, which is to decide
/// what they mean; what is sent to us alone is passed on.
void leave_signals_to_command()
{
	struct sigaction action = {};
	action.sa_handler = SIG_IGN;
	sigaction(SIGINT, &action, nullptr);
	sigaction(SIGQUIT, &action, nullptr);
	action.sa_handler = pass_on;
	action.sa_flags = SA_RESTART;
	sigaction(SIGTERM, &action, nullptr);
	sigaction(SIGHUP, &action, nullptr);
}

/// An older recording gives way; nothing else does.
void make_way(const std::string &file)
{
	std::error_code error;
	const fs::file_status there = fs::symlink_status(file, error);
	if (there.type() == fs::file_type::not_found) {
		const std::string folder = fs::path(file).parent_path().string();
		if (access(folder.c_str(), W_OK | X_OK) != 0)
			throw failure(file + ": " + strerror(errno), cannot_record);
		return;
	}
	if (there.type() == fs::file_type::directory)
		throw failure(file + ": " + strerror(EISDIR), cannot_record);
	if (there.type() != fs::file_type::regular)
		throw failure(file + ": is no ordinary file, which a recording has to be", cannot_record);
	if (!looks_like_recording(file))
		throw failure(file + ": exists, and is no recording: name another by -o, or remove it", cannot_record);
	if (!fs::remove(file, error))
		throw failure(file + ": " + error.message(), cannot_record);
}

void set_environment(const options &wanted, const std::string &file)
{
	std::string how;
	if (wanted.events != 0)
		how += "events=" + std::to_string(wanted.events) + ",";
	if (wanted.threads != 0)
		how += "threads=" + std::to_string(wanted.threads) + ",";
	how += wanted.stacks ? "stacks," : "";
	how += wanted.no_fork ? "nofork," : "";
	if (!how.empty())
		how.pop_back();
	setenv("MEMPOOL_TRACE", file.c_str(), 1);
	setenv("MEMPOOL_TRACE_OPTIONS", how.c_str(), 1);
}

[[noreturn]] void become(const std::vector<std::string> &command, int error_fd)
{
	std::vector<char *> words;
	words.reserve(command.size() + 1);
	for (const std::string &word : command)
		words.push_back(const_cast<char *>(word.c_str()));
	words.push_back(nullptr);
	execvp(words[0], words.data());
	const int error = errno;
	static_cast<void>(!write(error_fd, &error, sizeof(error)));
	_exit(not_found);
}

/// The status that waitpid() gave.
int run_command(const std::vector<std::string> &command)
{
	int pipe_fds[2];
	if (pipe2(pipe_fds, O_CLOEXEC) != 0)
		throw failure(std::string("pipe: ") + strerror(errno), cannot_record);
	sigset_t those;
	sigset_t before;
	sigemptyset(&those);
	for (const int signal_number : {SIGINT, SIGQUIT, SIGTERM, SIGHUP})
		sigaddset(&those, signal_number);
	sigprocmask(SIG_BLOCK, &those, &before); // until it is known what to do with them
	const pid_t pid = fork();
	if (pid == 0) {
		sigprocmask(SIG_SETMASK, &before, nullptr);
		become(command, pipe_fds[1]);
	}
	const int fork_error = errno;
	close(pipe_fds[1]);
	if (pid < 0)
		throw failure(std::string("fork: ") + strerror(fork_error), cannot_record);
	child.store(pid, std::memory_order_relaxed);
	leave_signals_to_command(); // after the fork: the command has those of before
	sigprocmask(SIG_SETMASK, &before, nullptr);

	int error = 0;
	const bool failed = read(pipe_fds[0], &error, sizeof(error)) == sizeof(error);
	close(pipe_fds[0]);
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
	child.store(0, std::memory_order_relaxed);
	if (failed)
		throw failure(command[0] + ": " + strerror(error), error == ENOENT ? not_found : cannot_execute);
	return status;
}

/// The file, and those of the same name with something behind it that were begun since.
std::vector<recording> recordings(const std::string &file, uint64_t since_ns)
{
	std::vector<recording> all;
	std::error_code error;
	const fs::path path(file);
	for (const auto &entry : fs::directory_iterator(path.parent_path(), error)) {
		const std::string name = entry.path().filename().string();
		const std::string wanted = path.filename().string();
		if ((name != wanted && name.rfind(wanted + ".", 0) != 0) ||
		    !looks_like_recording(entry.path().string()))
			continue;
		recording r = read_recording(entry.path().string());
		if (r.end_ns >= since_ns)
			all.push_back(std::move(r));
	}
	std::sort(all.begin(), all.end(), [](const recording &a, const recording &b) { return a.path < b.path; });
	return all;
}

std::string counted(uint64_t n, const char *what)
{
	return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

void say_what_is_missing(const recording &r)
{
	const losses &l = r.lost;
	if (l.overwritten > 0)
		std::cerr << "  " << counted(l.overwritten, "older event") << " lost: the rings keep the newest "
			  << r.events_per_ring << " of each thread; --events N keeps more\n";
	if (l.unplaced > 0)
		std::cerr << "  " << counted(l.unplaced, "event") << " lost, of " << counted(l.threads, "thread")
			  << " that found no ring; --threads N has more\n";
	if (l.unfinished > 0)
		std::cerr << "  " << counted(l.unfinished, "event") << " lost: not complete when the process ended\n";
	if (l.pools > 0)
		std::cerr << "  " << counted(l.pools, "pool") << " without a name: there were too many\n";
	if (l.stacks > 0)
		std::cerr << "  " << counted(l.stacks, "event") << " without a call stack: there were too many\n";
}

std::string shown(const std::string &file)
{
	const std::string here = fs::current_path().string() + "/";
	return file.rfind(here, 0) == 0 ? file.substr(here.size()) : file;
}

void report(const std::vector<recording> &all, const std::string &command)
{
	if (all.empty()) {
		std::cerr << "mempool trace: nothing was recorded: " << command
			  << " had no event of a pool, or does not use libmempool\n";
		return;
	}
	for (const recording &r : all) {
		std::cerr << "mempool trace: " << shown(r.path) << ": " << counted(r.events.size(), "event") << " of "
			  << counted(r.threads.size(), "thread") << " of " << r.program << " (" << r.pid << "), "
			  << (r.lost.events() == 0 ? "none" : std::to_string(r.lost.events())) << " lost\n";
		say_what_is_missing(r);
	}
}

} // namespace

int record(const options &wanted)
{
	const std::string file =
		fs::absolute(wanted.out.empty() ? default_file : wanted.out).lexically_normal().string();
	make_way(file);
	set_environment(wanted, file);
	const uint64_t began_ns = tools::now_ns();
	const int status = run_command(wanted.command);
	try {
		report(recordings(file, began_ns), wanted.command[0]);
	} catch (const failure &e) {
		std::cerr << "mempool trace: " << e.what() << '\n'; // the command's status counts
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

} // namespace trace
