// SPDX-License-Identifier: MIT
//
// demo_daemon.cpp - see demo_daemon.hpp.
#include "tools/demo_daemon.hpp"

#include "tools/demo.hpp"
#include "tools/interrupt.hpp"
#include "tools/text.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace demo {

using tools::now_ns;
using tools::text;
using tools::with_errno;

namespace {

// What docs/examples/hoarder.h says: the variables that name its socket and what it leaves, and its orders.
constexpr const char *hoarder_fd = "HOARDER_FD";
constexpr const char *hoarder_leave = "HOARDER_LEAVE";
constexpr char hoarder_begin = 'b';
constexpr char hoarder_release = 'r';

constexpr uint64_t ns_per_ms = 1000000;
constexpr int start_timeout_ms = 10000;
constexpr int order_timeout_ms = 10000;

bool listens(const std::string &path)
{
	sockaddr_un address{};
	address.sun_family = AF_UNIX;
	memcpy(address.sun_path, path.c_str(), std::min(path.size(), sizeof(address.sun_path) - 1));
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const bool ok = fd >= 0 && connect(fd, reinterpret_cast<sockaddr *>(&address), sizeof(address)) == 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

/// In the child, where there is nobody to return to.
[[noreturn]] void give_up(const char *what)
{
	dprintf(STDERR_FILENO, "%s: %s\n", what, strerror(errno));
	_exit(127);
}

void limit_address_space()
{
	rlimit limit{};
	if (getrlimit(RLIMIT_AS, &limit) != 0)
		give_up("getrlimit");
	limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, memory_limit_bytes);
	if (setrlimit(RLIMIT_AS, &limit) != 0)
		give_up("setrlimit RLIMIT_AS");
}

/// Before exec, so that all that the daemon ever touches is charged there.
void join(const std::string &cgroup_procs)
{
	const int fd = open(cgroup_procs.c_str(), O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		give_up(cgroup_procs.c_str());
	close(fd);
	setenv(hoarder_leave, std::to_string(cgroup_leave_bytes).c_str(), 1);
}

} // namespace

std::string find_logd(const std::string &wanted)
{
	if (!wanted.empty()) {
		if (access(wanted.c_str(), X_OK) != 0)
			throw failure(with_errno("--logd " + wanted, errno), 2);
		if (std::filesystem::is_directory(wanted))
			throw failure(with_errno("--logd " + wanted, EISDIR), 2);
		return wanted;
	}
	char self[4096];
	const ssize_t length = readlink("/proc/self/exe", self, sizeof(self));
	std::string folder(self, length > 0 ? static_cast<size_t>(length) : 0);
	folder.resize(folder.find_last_of('/') == std::string::npos ? 0 : folder.find_last_of('/'));
	for (const char *place : {"/examples/logd", "/../libexec/mempool/logd", "/../lib/mempool/logd"})
		if (access((folder + place).c_str(), X_OK) == 0)
			return folder + place;
	throw failure("the example daemon logd is not beside this program (" + folder +
		      "/examples/logd): build it with make, or name it with --logd FILE");
}

daemon::daemon(const std::vector<std::string> &command, const std::string &cgroup_procs, line_fn on_line)
	: on_line_(std::move(on_line))
{
	int control[2] = {-1, -1};
	int output[2] = {-1, -1};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) != 0)
		throw failure(with_errno("socketpair", errno));
	control_fd_ = control[0];
	if (pipe2(output, O_CLOEXEC) != 0) {
		close(control[0]);
		close(control[1]);
		throw failure(with_errno("pipe", errno));
	}
	output_fd_ = output[0];
	fcntl(output_fd_, F_SETFL, O_NONBLOCK);

	pid_ = fork();
	if (pid_ == 0)
		child(command, cgroup_procs, control[1], output[1]);
	const int error = errno;
	close(control[1]);
	close(output[1]);
	if (pid_ < 0) {
		close(control_fd_);
		close(output_fd_);
		throw failure(with_errno("fork", error));
	}
}

/// Between fork and exec: the limit that both runs have in common.
void daemon::child(const std::vector<std::string> &command, const std::string &cgroup_procs, int control, int output)
{
	setpgid(0, 0);                    // Ctrl-C is for the demo, which then ends the daemon
	prctl(PR_SET_PDEATHSIG, SIGKILL); // should the demo be killed, nothing is left behind
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	fcntl(control, F_SETFD, 0);
	setenv(hoarder_fd, std::to_string(control).c_str(), 1);
	if (cgroup_procs.empty())
		limit_address_space();
	else
		join(cgroup_procs);

	std::vector<char *> arguments;
	arguments.reserve(command.size() + 1);
	for (const std::string &word : command)
		arguments.push_back(const_cast<char *>(word.c_str()));
	arguments.push_back(nullptr);
	execv(arguments[0], arguments.data());
	give_up(arguments[0]);
}

daemon::~daemon()
{
	if (!ended_) {
		kill(pid_, SIGKILL);
		reap(0);
	}
	close(control_fd_);
	close(output_fd_);
}

bool daemon::reap(int flags)
{
	pid_t pid = 0;
	while (!ended_ && (pid = waitpid(pid_, &status_, flags)) < 0 && errno == EINTR)
		continue;
	ended_ = ended_ || pid == pid_;
	return ended_;
}

void daemon::wait_until_listening(const std::string &socket_path)
{
	const uint64_t deadline_ns = now_ns() + start_timeout_ms * ns_per_ms;
	while (!listens(socket_path)) {
		if (!watch(10))
			throw failure("logd ended before it listened (" + how_it_ended() + ")");
		if (tools::interrupted() != 0)
			throw failure("interrupted", 128 + tools::interrupted());
		if (now_ns() > deadline_ns)
			throw failure("logd does not listen after 10 s");
	}
}

void daemon::read_output()
{
	char buffer[4096];
	ssize_t n = 0;
	while ((n = read(output_fd_, buffer, sizeof(buffer))) > 0)
		unfinished_.append(buffer, static_cast<size_t>(n));
	output_ended_ = output_ended_ || n == 0;
	for (size_t end = 0; (end = unfinished_.find('\n')) != std::string::npos; unfinished_.erase(0, end + 1))
		on_line_(unfinished_.substr(0, end));
}

bool daemon::watch(int timeout_ms)
{
	// Who dies has closed all its files some time before it can be waited for.
	pollfd watched = {output_ended_ ? -1 : output_fd_, POLLIN, 0};
	poll(&watched, 1, timeout_ms);
	const bool ended = reap(WNOHANG); // before reading, so that its last words are not missed
	read_output();
	return !ended;
}

bool daemon::stop(int timeout_ms)
{
	const uint64_t deadline_ns = now_ns() + static_cast<uint64_t>(timeout_ms) * ns_per_ms;
	const int known = tools::interrupted();
	if (!ended_)
		kill(pid_, SIGTERM);
	while (watch(10)) {
		if (now_ns() < deadline_ns && tools::interrupted() == known)
			continue;
		kill(pid_, SIGKILL);
		reap(0);
		return false;
	}
	return true;
}

std::string daemon::how_it_ended() const
{
	if (!ended_)
		return "it still runs";
	if (WIFSIGNALED(status_))
		return text("signal %d, %s", WTERMSIG(status_), strsignal(WTERMSIG(status_)));
	return WEXITSTATUS(status_) == 0 ? "" : text("exit status %d", WEXITSTATUS(status_));
}

std::string daemon::order(char command, const char *answer_verb, uint64_t &bytes)
{
	if (send(control_fd_, &command, 1, MSG_NOSIGNAL) != 1)
		return with_errno("the hoarder cannot be reached", errno);

	const uint64_t deadline_ns = now_ns() + order_timeout_ms * ns_per_ms;
	std::string answer;
	while (answer.empty() || answer.back() != '\n') {
		pollfd watched = {control_fd_, POLLIN, 0};
		if (poll(&watched, 1, 100) <= 0) {
			if (tools::interrupted() != 0)
				return "interrupted";
			if (now_ns() > deadline_ns)
				return "the hoarder does not answer";
			continue;
		}
		char buffer[128];
		const ssize_t n = read(control_fd_, buffer, sizeof(buffer));
		if (n == 0)
			return "the hoarder is gone";
		if (n > 0)
			answer.append(buffer, static_cast<size_t>(n));
	}
	if (answer.compare(0, strlen(answer_verb), answer_verb) != 0)
		return "the hoarder answers: " + answer;
	bytes = strtoull(answer.c_str() + strlen(answer_verb), nullptr, 10);
	return "";
}

std::string daemon::begin_hoarding(uint64_t &bytes)
{
	return order(hoarder_begin, "hoarding ", bytes);
}

std::string daemon::release()
{
	uint64_t ignored = 0;
	return order(hoarder_release, "released ", ignored);
}

} // namespace demo
