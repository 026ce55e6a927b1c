// SPDX-License-Identifier: MIT
//
// process_page_open.cpp - another process's page: found, judged, read. See
// process_page.hpp.
#include "reserve/base/process_page.hpp"

#include "reserve/base/mapping.hpp"
#include "reserve/base/run_directory.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mp::base {
/// A file in a directory of pages. Its name says whose it is: "12345-678901.faults";
/// one that is not complete has a '~' behind it.
struct page_file {
	int directory;
	const char *in; // the directory's path
	const char *name;
	uint32_t pid = 0;
	uint64_t start_ticks = 0;
	bool complete = false;

	bool is_of(const char *kind)
	{
		char *end = nullptr;
		const unsigned long long number = strtoull(name, &end, 10);
		if (end == name || *end != '-' || number == 0 || number > INT32_MAX)
			return false;
		pid = static_cast<uint32_t>(number);
		const char *ticks = end + 1;
		start_ticks = strtoull(ticks, &end, 10);
		const size_t length = strlen(kind);
		if (end == ticks || *end != '.' || strncmp(end + 1, kind, length) != 0)
			return false;
		const char *behind = end + 1 + length;
		complete = *behind == 0;
		return complete || strcmp(behind, "~") == 0;
	}
};

namespace {

/// Calls `visit` for each file of the kind, until it returns true. A directory
/// that must not be used is an error, and passed over.
template <class Visit> bool each_file(const page_kind &kind, page_error &error, Visit visit)
{
	const run_directories places(true);
	bool done = false;
	for (unsigned i = 0; i < places.count && !done; i++) {
		page_error why = {};
		const int fd = open_run_directory(places.path[i], false, why);
		if (fd < 0) {
			if (why.error != ENOENT)
				error = why;
			continue;
		}
		DIR *directory = fdopendir(fd);
		if (directory == nullptr) {
			close(fd);
			return fails(error, errno, "%.200s: %s", places.path[i], strerrordesc_np(errno));
		}
		const dirent *entry;
		while (!done && (entry = readdir(directory)) != nullptr) {
			page_file file{fd, places.path[i], entry->d_name};
			done = file.is_of(kind.name) && visit(file);
		}
		closedir(directory);
	}
	return done;
}

/// Has the process a file of this name mapped? Where that cannot be seen: yes.
bool has_mapped(pid_t pid, const char *name)
{
	char text[4096];
	snprintf(text, sizeof(text), "/proc/%d/maps", pid);
	const int fd = open(text, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	char wanted[64];
	const int wanted_bytes = snprintf(wanted, sizeof(wanted), "/%s\n", name);
	bool found = false;
	ssize_t n;
	size_t kept = 0; // of the part before, as the name may lie across
	while (!found && (n = ::read(fd, text + kept, sizeof(text) - kept)) > 0) {
		const size_t have = kept + static_cast<size_t>(n);
		found = memmem(text, have, wanted, static_cast<size_t>(wanted_bytes)) != nullptr;
		kept = have < sizeof(wanted) ? have : sizeof(wanted);
		memmove(text, text + have - kept, kept);
	}
	const bool readable = kept != 0; // a process that may not be looked into shows an error, or nothing
	close(fd);
	return found || !readable;
}

bool nobody_has_it(pid_t pid, const page_kind &kind, const page_error &seen, page_error &error)
{
	char path[64];
	struct stat is = {};
	snprintf(path, sizeof(path), "/proc/%d", pid);
	if (stat(path, &is) != 0)
		return fails(error, ESRCH, "there is no process %d", pid);
	if (is.st_uid != geteuid())
		return fails(error, EPERM, "process %d belongs to user %u, not to you (%u): do this as that user", pid,
			     is.st_uid, geteuid());
	if (seen.error != 0) {
		error = seen;
		return false;
	}
	const run_directories places(true);
	return fails(error, ENOENT, "process %d shows no %s page in %.100s%s: %s", pid, kind.name,
		     places.path[places.count - 1], places.count > 1 ? " or your session's directory" : "",
		     kind.advice);
}

/// Is the file what it says? `is` and its header.
bool judge(const char *path, const struct stat &is, const page_header &h, ssize_t header_read, const page_kind &kind,
	   page_error &error)
{
	if (!S_ISREG(is.st_mode))
		return fails(error, EPERM, "%s is not a regular file: it is not read; remove it", path);
	if (is.st_uid != geteuid())
		return fails(error, EPERM, "%s belongs to user %u, not to you (%u): it is not read", path, is.st_uid,
			     geteuid());
	if ((is.st_mode & 077) != 0)
		return fails(error, EPERM,
			     "%s is open to others (mode %o): it is not read; remove it, and restart the process", path,
			     is.st_mode & 07777U);
	if (header_read != static_cast<ssize_t>(sizeof(h)))
		return fails(error, EPROTO, "%s is truncated: %lld bytes; restart the process", path,
			     static_cast<long long>(is.st_size));
	if (memcmp(h.magic, page_magic, sizeof(h.magic)) != 0 || h.byte_order != page_byte_order ||
	    strncmp(h.kind, kind.name, sizeof(h.kind)) != 0)
		return fails(error, EPROTO, "%s is no page of libmempool's: it is not read; remove it", path);
	if (h.version != kind.version)
		return fails(error, EPROTO,
			     "%s has version %u, and this library reads version %u: use the mempool command that came "
			     "with the process's library",
			     path, h.version, kind.version);
	if (h.bytes < page_header_bytes + kind.least_bytes || h.bytes > static_cast<uint64_t>(is.st_size))
		return fails(error, EPROTO, "%s is truncated: %lld of %llu bytes; restart the process", path,
			     static_cast<long long>(is.st_size), static_cast<unsigned long long>(h.bytes));
	return true;
}

} // namespace

/// One file of the wanted process, open and described; false, and closed, when it will not do.
bool opened_page::take(const page_file &file, uint64_t started, const page_kind &kind, page_error &error)
{
	struct stat is = {};
	fstat(fd_, &is);
	const ssize_t n = S_ISREG(is.st_mode) ? pread(fd_, &header_, sizeof(header_), 0) : -1;
	const bool sound = judge(path_, is, header_, n, kind, error);
	const auto pid = static_cast<pid_t>(file.pid);
	if (sound && header_.pid_namespace != pid_namespace())
		return fails(error, EXDEV,
			     "%s is of a process in another container, whose numbers are not ours: look there", path_);
	if (started != file.start_ticks && S_ISREG(is.st_mode) && is.st_uid == geteuid()) {
		unlinkat(file.directory, file.name, 0);
		return fails(error, ESRCH, "%s was left behind by %s process %d%s; removed", path_,
			     started == 0 ? "the" : "an earlier", pid, started == 0 ? ", which has ended" : "");
	}
	if (sound && !has_mapped(pid, file.name))
		return fails(error, ESRCH,
			     "%s was left behind by process %d, which has executed another program since: %s", path_,
			     pid, kind.advice);
	if (sound && header_.pid != file.pid)
		return fails(error, EPROTO, "%s is a page of process %u: it is not read; remove it", path_,
			     header_.pid);
	return sound;
}

bool opened_page::open(pid_t pid, const page_kind &kind, page_error &error)
{
	close();
	path_[0] = 0;
	page_error seen = {};
	const uint64_t started = process_start_ticks(pid);
	const bool found = each_file(kind, seen, [&](const page_file &file) {
		if (file.pid != static_cast<uint32_t>(pid) || !file.complete)
			return false;
		snprintf(path_, sizeof(path_), "%s/%s", file.in, file.name);
		fd_ = openat(file.directory, file.name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd_ < 0)
			return fails(seen, errno, "%s: %s", path_,
				     errno == ELOOP ? "is a symbolic link: it is not followed; remove it"
						    : strerrordesc_np(errno));
		if (take(file, started, kind, seen))
			return true;
		close();
		return false;
	});
	if (found)
		return true;
	if (path_[0] == 0)
		return nobody_has_it(pid, kind, seen, error);
	error = seen;
	return false;
}

void opened_page::close()
{
	if (mapped_ != nullptr)
		unmap_memory(mapped_, header_.bytes);
	mapped_ = nullptr;
	if (fd_ >= 0)
		::close(fd_);
	fd_ = -1;
}

bool opened_page::read(void *to, size_t bytes, size_t offset, page_error &error) const
{
	const ssize_t n = pread(fd_, to, bytes, static_cast<off_t>(page_header_bytes + offset));
	if (n == static_cast<ssize_t>(bytes))
		return true;
	return n < 0 ? fails(error, errno, "%s: %s", path_, strerrordesc_np(errno))
		     : fails(error, EPROTO, "%s is truncated: it has no %zu bytes at %zu; restart the process", path_,
			     bytes, page_header_bytes + offset);
}

bool opened_page::write(const void *from, size_t bytes, size_t offset, page_error &error) const
{
	// Where the file was cut short, this must not make it longer again.
	struct stat is = {};
	if (fstat(fd_, &is) == 0 && static_cast<uint64_t>(is.st_size) >= header_.bytes &&
	    pwrite(fd_, from, bytes, static_cast<off_t>(page_header_bytes + offset)) == static_cast<ssize_t>(bytes))
		return true;
	return fails(error, EPROTO, "%s is truncated, or cannot be written to; restart the process", path_);
}

void *opened_page::map(page_error &error)
{
	struct stat is = {};
	if (fstat(fd_, &is) != 0 || static_cast<uint64_t>(is.st_size) < header_.bytes) {
		fails(error, EPROTO, "%s is truncated: %lld of %llu bytes; restart the process", path_,
		      static_cast<long long>(is.st_size), static_cast<unsigned long long>(header_.bytes));
		return nullptr;
	}
	if (mapped_ == nullptr)
		mapped_ = map_shared(fd_, header_.bytes);
	if (mapped_ == nullptr)
		fails(error, errno, "%s: %s", path_, strerrordesc_np(errno));
	return mapped_ != nullptr ? static_cast<char *>(mapped_) + page_header_bytes : nullptr;
}

bool opened_page::lock(page_error &error) const
{
	while (flock(fd_, LOCK_EX) != 0)
		if (errno != EINTR)
			return fails(error, errno, "%s: %s", path_, strerrordesc_np(errno));
	return true;
}

bool opened_page::alive() const
{
	const auto pid = static_cast<pid_t>(header_.pid);
	return process_start_ticks(pid) == header_.start_ticks && has_mapped(pid, strrchr(path_, '/') + 1);
}

namespace {

/// Removes what a process left behind that has ended. Of another container's processes we know nothing.
void remove_left_behind(const page_file &file)
{
	page_header h = {};
	struct stat is = {};
	const int fd = openat(file.directory, file.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fstat(fd, &is) == 0 && S_ISREG(is.st_mode) && is.st_uid == geteuid() &&
	    (pread(fd, &h, sizeof(h), 0) != static_cast<ssize_t>(sizeof(h)) || h.pid_namespace == pid_namespace()))
		unlinkat(file.directory, file.name, 0);
	close(fd);
}

} // namespace

int each_page(const page_kind &kind, int (*visit)(pid_t pid, void *arg), void *arg)
{
	int result = 0;
	page_error error = {};
	each_file(kind, error, [&](const page_file &file) {
		const auto pid = static_cast<pid_t>(file.pid);
		if (process_start_ticks(pid) != file.start_ticks)
			remove_left_behind(file);
		else if (file.complete &&
			 has_mapped(pid, file.name)) // else it executed another program: that one's, to remove
			result = visit(pid, arg);
		return result != 0;
	});
	return result;
}

} // namespace mp::base
