// SPDX-License-Identifier: MIT
//
// output.cpp - see output.hpp.
#include "tools/output.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace tools {
namespace {

constexpr size_t buffer_bytes = 1 << 16;

// What a signal's handler removes. One output at a time has a temporary file.
char to_remove[4096];
volatile std::sig_atomic_t remove_it = 0;

void give_up(int signal_number)
{
	if (remove_it != 0)
		unlink(to_remove);
	signal(signal_number, SIG_DFL); // NOLINT(bugprone-signal-handler,cert-sig30-c): signal() may be called here
	raise(signal_number);
}

void remove_on_signals(const std::string &temporary)
{
	if (temporary.size() >= sizeof(to_remove))
		return;
	memcpy(to_remove, temporary.c_str(), temporary.size() + 1);
	remove_it = 1;
	for (const int signal_number : {SIGINT, SIGTERM, SIGHUP}) {
		struct sigaction action = {};
		if (sigaction(signal_number, nullptr, &action) != 0 || action.sa_handler != SIG_DFL)
			continue; // somebody else looks after it, or it is ignored
		action.sa_handler = give_up;
		sigaction(signal_number, &action, nullptr);
	}
}

} // namespace

output::output(std::string path) : path_(std::move(path))
{
	signal(SIGPIPE, SIG_IGN);
	if (path_.empty() || path_ == "-") {
		path_ = "standard output";
		fd_ = STDOUT_FILENO;
		return;
	}
	struct stat st = {};
	if (stat(path_.c_str(), &st) == 0 && !S_ISREG(st.st_mode)) {
		fd_ = open(path_.c_str(), O_WRONLY | O_CLOEXEC);
		if (fd_ < 0)
			fail(errno);
		return;
	}
	temporary_ = path_ + ".XXXXXX";
	fd_ = mkostemp(temporary_.data(), O_CLOEXEC);
	if (fd_ < 0) {
		temporary_.clear();
		fail(errno);
	}
	remove_on_signals(temporary_);
	const mode_t mask = umask(0);
	umask(mask);
	fchmod(fd_, 0666 & ~mask);
}

output::~output()
{
	if (fd_ > STDOUT_FILENO)
		close(fd_);
	if (!temporary_.empty())
		unlink(temporary_.c_str());
	remove_it = 0;
}

void output::fail(int error)
{
	throw output_error(path_ + ": " + strerror(error));
}

void output::flush()
{
	const char *next = buffer_.data();
	size_t left = buffer_.size();
	while (left > 0) {
		const ssize_t n = ::write(fd_, next, left);
		if (n < 0 && errno != EINTR)
			fail(errno);
		if (n > 0) {
			next += n;
			left -= static_cast<size_t>(n);
		}
	}
	buffer_.clear();
}

void output::write(std::string_view text)
{
	buffer_.append(text);
	if (buffer_.size() >= buffer_bytes)
		flush();
}

void output::commit()
{
	flush();
	if (fd_ <= STDOUT_FILENO)
		return;
	const int fd = std::exchange(fd_, -1);
	if (close(fd) != 0)
		fail(errno);
	if (temporary_.empty())
		return;
	if (rename(temporary_.c_str(), path_.c_str()) != 0)
		fail(errno);
	temporary_.clear();
	remove_it = 0;
}

void write_output(const std::string &path, std::string_view text)
{
	output to(path);
	to.write(text);
	to.commit();
}

} // namespace tools
