// SPDX-License-Identifier: MIT
//
// demo_corpus.cpp - real log lines: from the file that was asked for, or from
// this machine's own logs.
#include "tools/demo.hpp"
#include "tools/demo_script.hpp"
#include "tools/text.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace demo {

using tools::with_errno;

namespace {

// Found on Debian, Ubuntu, Fedora, SUSE, Arch and Alpine; a fresh container has
// at least what its package manager wrote.
constexpr const char *known_logs[] = {
	"/var/log/syslog",          "/var/log/messages",         "/var/log/kern.log",      "/var/log/auth.log",
	"/var/log/daemon.log",      "/var/log/dpkg.log",         "/var/log/dpkg.log.1",    "/var/log/alternatives.log",
	"/var/log/apt/history.log", "/var/log/apt/term.log",     "/var/log/bootstrap.log", "/var/log/cloud-init.log",
	"/var/log/dnf.log",         "/var/log/dnf.rpm.log",      "/var/log/zypper.log",    "/var/log/pacman.log",
	"/var/log/apk.log",         "/var/log/installer/syslog", "/var/log/Xorg.0.log",    "/var/log/boot.log"};

constexpr size_t input_max_bytes = size_t{64} << 20;
constexpr size_t known_log_max_bytes = size_t{4} << 20;
constexpr size_t line_max_bytes = 1024; // as logd writes it

/// The file's first `max_bytes`. 0, or errno.
int read_file(const std::string &path, size_t max_bytes, std::string &content)
{
	const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	int error = 0;
	content.clear();
	while (content.size() < max_bytes) {
		char buffer[65536];
		const ssize_t n = read(fd, buffer, sizeof(buffer));
		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			error = errno;
			break;
		}
		content.append(buffer, static_cast<size_t>(n));
	}
	close(fd);
	return error;
}

/// Cuts a line so that it is at most line_max_bytes in the log, and takes off
/// what a receiver may take off: zeros at the end, a mark for UTF-8 at the front.
std::string_view trimmed(std::string_view line)
{
	constexpr std::string_view utf8_mark = "\xef\xbb\xbf";
	while (line.substr(0, utf8_mark.size()) == utf8_mark)
		line.remove_prefix(utf8_mark.size());
	size_t written = 0;
	size_t kept = 0;
	for (; kept < line.size() && written < line_max_bytes - 3; kept++) {
		const auto byte = static_cast<unsigned char>(line[kept]);
		written += (byte < 0x20 && byte != '\t') || byte == 0x7f ? 4 : 1;
	}
	line = line.substr(0, kept);
	while (!line.empty() && line.back() == '\0')
		line.remove_suffix(1);
	return line;
}

void add_lines(corpus &all, const std::string &file, std::string_view content)
{
	const size_t before = all.lines.size();
	while (!content.empty()) {
		const size_t end = content.find('\n');
		const std::string_view line = trimmed(content.substr(0, end));
		if (!line.empty())
			all.lines.emplace_back(line);
		content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
	}
	if (all.lines.size() > before)
		all.files.push_back(file);
}

} // namespace

corpus read_corpus(const std::string &input)
{
	corpus all;
	std::string content;
	if (!input.empty()) {
		if (const int error = read_file(input, input_max_bytes, content))
			throw failure(with_errno("--input " + input, error), 2);
		add_lines(all, input, content);
		if (all.lines.empty())
			throw failure("--input " + input + ": there is no line in it", 2);
		return all;
	}
	for (const char *path : known_logs)
		if (read_file(path, known_log_max_bytes, content) == 0)
			add_lines(all, path, content);
	if (all.lines.empty())
		throw failure("none of this machine's logs can be read (/var/log/dpkg.log and others): "
			      "name a file with --input FILE",
			      2);
	return all;
}

} // namespace demo
