// SPDX-License-Identifier: MIT
//
// lab_write.cpp - see lab_write.hpp.
#include "tools/lab_write.hpp"

#include "tools/lab_print.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace lab {
namespace {

[[noreturn]] void failed(const std::string &path)
{
	throw std::system_error(errno, std::generic_category(), "'" + path + "' cannot be written");
}

bool write_whole(int fd, const std::string &content)
{
	for (size_t done = 0; done < content.size();) {
		const ssize_t n = write(fd, content.data() + done, content.size() - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		done += static_cast<size_t>(n);
	}
	return true;
}

/// What is no ordinary file, such as /dev/full or a pipe, is written to as it is.
bool is_special(const std::string &path)
{
	struct stat is {};
	return stat(path.c_str(), &is) == 0 && !S_ISREG(is.st_mode);
}

} // namespace

void write_output(const std::string &path, const std::string &content)
{
	if (path == "-")
		return print(content);
	const bool special = is_special(path);
	const std::string beside = special ? path : path + "." + std::to_string(getpid()) + ".part";
	const int fd = open(beside.c_str(), O_WRONLY | O_CLOEXEC | (special ? 0 : O_CREAT | O_EXCL), 0666);
	if (fd < 0)
		failed(path);
	const bool written = write_whole(fd, content);
	const int write_errno = errno;
	const bool closed = close(fd) == 0;
	if (written && closed && (special || rename(beside.c_str(), path.c_str()) == 0))
		return;
	if (!written)
		errno = write_errno;
	const int why = errno;
	if (!special)
		unlink(beside.c_str());
	errno = why;
	failed(path);
}

} // namespace lab
