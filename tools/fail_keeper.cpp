// SPDX-License-Identifier: MIT
//
// fail_keeper.cpp - see fail_keeper.hpp. Between fork and exec only what a
// signal handler may do is done: other threads of ours may hold any lock.
#include "tools/fail_keeper.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <poll.h>
#include <stdexcept>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fail {
namespace {

// What a keeper says: two words each, written at once.
enum message : int32_t { started = 1, exec_failed, command_ended };

// Strings as execve() wants them, made before the fork.
struct words {
	explicit words(const std::vector<std::string> &from)
	{
		pointers.reserve(from.size() + 1);
		for (const std::string &word : from)
			pointers.push_back(const_cast<char *>(word.c_str()));
		pointers.push_back(nullptr);
	}
	std::vector<char *> pointers;
};

void say(int fd, int32_t what, int32_t value)
{
	const std::array<int32_t, 2> both = {what, value};
	while (write(fd, both.data(), sizeof(both)) < 0 && errno == EINTR)
		continue;
}

bool redirect(const char *file, int flags, int fd)
{
	const int opened = open(file, flags | O_CLOEXEC, 0600);
	return opened >= 0 && dup2(opened, fd) == fd;
}

[[noreturn]] void be_command(const command_line &what, const words &arguments, const words &environment, int events)
{
	sigset_t none;
	sigemptyset(&none);
	for (int nr = 1; nr < NSIG; nr++)
		::signal(nr, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, nullptr);
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	// Addresses that are the same in each run make runs the same; where it is forbidden, it is done without.
	if (!what.random_addresses)
		personality(ADDR_NO_RANDOMIZE);
	const int make = O_WRONLY | O_CREAT | O_APPEND;
	if (redirect(what.input.empty() ? "/dev/null" : what.input.c_str(), O_RDONLY, STDIN_FILENO) &&
	    redirect(what.output.c_str(), make, STDOUT_FILENO) && redirect(what.errors.c_str(), make, STDERR_FILENO) &&
	    (what.folder.empty() || chdir(what.folder.c_str()) == 0))
		execve(what.program.c_str(), arguments.pointers.data(), environment.pointers.data());
	say(events, exec_failed, errno);
	_exit(127);
}

/// SIGKILL to each child. Their children become ours, and come next.
void kill_children()
{
	std::array<char, 4096> text = {};
	std::array<char, 64> name = {};
	snprintf(name.data(), name.size(), "/proc/self/task/%d/children", static_cast<int>(getpid()));
	const int fd = open(name.data(), O_RDONLY | O_CLOEXEC);
	const ssize_t length = fd < 0 ? -1 : read(fd, text.data(), text.size() - 1);
	if (fd >= 0)
		close(fd);
	pid_t pid = 0;
	for (ssize_t at = 0; at < length; at++) {
		if (text[static_cast<size_t>(at)] >= '0' && text[static_cast<size_t>(at)] <= '9') {
			pid = pid * 10 + (text[static_cast<size_t>(at)] - '0');
		} else if (pid > 0) {
			kill(pid, SIGKILL);
			pid = 0;
		}
	}
}

/// Waits for all that becomes its child; SIGTERM has it end them.
[[noreturn]] void keep(pid_t command, int events, const sigset_t &awaited)
{
	bool ending = false;
	for (;;) {
		int status = 0;
		const pid_t pid = waitpid(-1, &status, WNOHANG);
		if (pid == command)
			say(events, command_ended, status);
		if (pid < 0 && errno == ECHILD)
			_exit(0);
		if (pid != 0)
			continue;
		if (ending)
			kill_children();
		const timespec patience = {0, ending ? 2000000 : 500000000};
		if (sigtimedwait(&awaited, nullptr, &patience) == SIGTERM)
			ending = true;
	}
}

[[noreturn]] void be_keeper(const command_line &what, const words &arguments, const words &environment, int events)
{
	sigset_t awaited;
	sigemptyset(&awaited);
	sigaddset(&awaited, SIGCHLD);
	sigaddset(&awaited, SIGTERM);
	sigprocmask(SIG_BLOCK, &awaited, nullptr);
	::signal(SIGCHLD, SIG_DFL);
	setpgid(0, 0); // Ctrl-C is for `mempool fail`, which then ends its runs
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_PDEATHSIG, SIGTERM); // should that be killed, nothing is left behind
	const pid_t command = fork();
	if (command == 0)
		be_command(what, arguments, environment, events);
	if (command < 0) {
		say(events, exec_failed, errno);
		_exit(1);
	}
	say(events, started, command);
	keep(command, events, awaited);
}

} // namespace

keeper::keeper(const command_line &what)
{
	// A keeper of another thread must not have our writing end: its closing tells that ours is gone.
	static std::mutex starting;
	std::unique_lock one_by_one(starting);
	std::array<int, 2> ends = {-1, -1};
	if (pipe2(ends.data(), O_CLOEXEC) != 0)
		throw std::runtime_error(std::string("pipe: ") + strerror(errno));
	const words arguments(what.arguments);
	const words environment(what.environment);
	keeper_ = fork();
	if (keeper_ == 0)
		be_keeper(what, arguments, environment, ends[1]);
	const int error = errno;
	close(ends[1]);
	one_by_one.unlock();
	events_ = ends[0];
	if (keeper_ < 0) {
		close(events_);
		throw std::runtime_error(std::string("fork: ") + strerror(error));
	}
	while (pid_ < 0 && !gone_)
		wait(1000);
}

keeper::~keeper()
{
	end_all();
	close(events_);
	while (waitpid(keeper_, nullptr, 0) < 0 && errno == EINTR)
		continue;
}

void keeper::take(const int32_t *message)
{
	switch (message[0]) {
	case started:
		pid_ = message[1];
		break;
	case exec_failed:
		exec_error_ = message[1];
		break;
	default:
		ended_ = true;
		status_ = message[1];
	}
}

bool keeper::wait(int timeout_ms)
{
	pollfd watched = {events_, POLLIN, 0};
	if (gone_ || poll(&watched, 1, timeout_ms) <= 0)
		return gone_;
	std::array<int32_t, 2> message = {};
	const ssize_t length = read(events_, message.data(), sizeof(message));
	if (length == sizeof(message))
		take(message.data());
	else if (length == 0)
		gone_ = ended_ = true;
	return true;
}

void keeper::signal(int signal_nr) const
{
	if (!ended_ && pid_ > 0)
		kill(pid_, signal_nr);
}

void keeper::end_all()
{
	if (!gone_)
		kill(keeper_, SIGTERM);
	while (!gone_)
		wait(1000);
}

} // namespace fail
