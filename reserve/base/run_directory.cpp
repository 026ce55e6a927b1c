// SPDX-License-Identifier: MIT
//
// run_directory.cpp - see run_directory.hpp.
#include "reserve/base/run_directory.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mp::base {

run_directories::run_directories(bool of_others)
{
	const unsigned user = geteuid();
	const auto add = [this](const char *format, auto... what) {
		char *to = path[count];
		const int n = snprintf(to, sizeof(path[0]), format, what...);
		bool known = n < 0 || static_cast<size_t>(n) >= sizeof(path[0]);
		for (unsigned i = 0; i < count; i++)
			known = known || strcmp(path[i], to) == 0;
		count += known ? 0 : 1;
	};
	if (const char *own = secure_getenv("MEMPOOL_RUN_DIR"); own != nullptr && *own != 0) {
		add("%s", own);
		return;
	}
	if (const char *session = secure_getenv("XDG_RUNTIME_DIR"); session != nullptr && *session == '/')
		add("%s/mempool", session);
	if (of_others)
		add("/run/user/%u/mempool", user); // of a session that this process is not part of
	add("/tmp/mempool-%u", user);
}

bool fails(page_error &error, int number, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(error.text, sizeof(error.text), format, args);
	va_end(args);
	error.error = number;
	return false;
}

int open_run_directory(const char *path, bool make, page_error &error)
{
	constexpr mode_t owner_only = 0700;
	if (path[0] != '/') {
		fails(error, ENOTDIR, "MEMPOOL_RUN_DIR is '%s': give a path that begins with '/'", path);
		return -1;
	}
	if (make)
		static_cast<void>(mkdir(path, owner_only)); // it may exist
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		const int number = errno;
		fails(error, number, "%s: %s", path,
		      number == ELOOP || number == ENOTDIR ? "is no directory, or a symbolic link to one"
							   : strerrordesc_np(number));
		return -1;
	}
	struct stat is = {};
	if (fstat(fd, &is) != 0 || is.st_uid != geteuid())
		fails(error, EPERM,
		      "%s belongs to user %u, not to you (%u): it is not used; set MEMPOOL_RUN_DIR to another "
		      "directory",
		      path, is.st_uid, geteuid());
	else if ((is.st_mode & 077) != 0)
		fails(error, EPERM,
		      "%s is open to others (mode %o): it is not used; chmod 700 %s, or set MEMPOOL_RUN_DIR to another "
		      "directory",
		      path, is.st_mode & 07777U, path);
	else
		return fd;
	close(fd);
	return -1;
}

uint64_t process_start_ticks(pid_t pid)
{
	char text[1024];
	snprintf(text, sizeof(text), "/proc/%d/stat", pid);
	const int fd = open(text, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	const ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;

	// "pid (name) state ...": the name may hold anything, so the last bracket counts.
	const char *at = strrchr(text, ')');
	if (at == nullptr || at[1] != ' ' || at[2] == 'Z' || at[2] == 'X')
		return 0;
	constexpr int fields_between = 20; // the start is field 22, and what we stand before is field 2
	for (int i = 0; i < fields_between && at != nullptr; i++)
		at = strchr(at + 1, ' ');
	return at != nullptr ? strtoull(at, nullptr, 10) : 0;
}

uint64_t pid_namespace()
{
	struct stat is = {};
	return stat("/proc/self/ns/pid", &is) == 0 ? is.st_ino : 0;
}

} // namespace mp::base
