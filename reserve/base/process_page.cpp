// SPDX-License-Identifier: MIT
//
// process_page.cpp - a process's own page. See process_page.hpp.
#include "reserve/base/process_page.hpp"

#include "reserve/base/mapping.hpp"
#include "reserve/base/run_directory.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mp::base {
namespace {

/// The header with all that does not change. False where there is no /proc.
bool describe(page_header &h, const page_kind &kind, size_t payload_bytes, page_error &error)
{
	memcpy(h.magic, page_magic, sizeof(h.magic));
	h.byte_order = page_byte_order;
	h.version = kind.version;
	const size_t page = machine_page_bytes();
	h.bytes = (page_header_bytes + payload_bytes + page - 1) / page * page;
	h.pid = static_cast<uint32_t>(getpid());
	h.start_ticks = process_start_ticks(getpid());
	h.pid_namespace = pid_namespace();
	snprintf(h.kind, sizeof(h.kind), "%s", kind.name);
	snprintf(h.program, sizeof(h.program), "%s", program_invocation_short_name);
	return h.start_ticks != 0 || fails(error, ENOENT, "/proc/self/stat does not say when this process began");
}

/// The file, mapped, with its header.
page_header *make_file(int directory, const char *unfinished, const page_header &as, page_error &error)
{
	unlinkat(directory, unfinished, 0); // of a process that was killed meanwhile, with our number
	constexpr mode_t owner_only = 0600;
	const int fd = openat(directory, unfinished, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, owner_only);
	if (fd < 0) {
		fails(error, errno, "%s", strerrordesc_np(errno));
		return nullptr;
	}
	// The header before all else: whoever finds the file of a process that was
	// killed meanwhile must see whose it is, or it stays for ever.
	errno = ENOSPC; // for a write that is cut short
	int result = pwrite(fd, &as, sizeof(as), 0) == static_cast<ssize_t>(sizeof(as)) ? 0 : errno;
	// Blocks for all of it: otherwise a write to memory might find the file system full.
	if (result == 0)
		result = posix_fallocate(fd, 0, static_cast<off_t>(as.bytes));
	void *memory = result == 0 ? map_shared(fd, as.bytes) : nullptr;
	if (memory == nullptr) {
		result = result == 0 ? errno : result;
	} else if (!populate(memory, as.bytes)) {
		result = errno;
	}
	close(fd);
	if (result == 0)
		return static_cast<page_header *>(memory);
	fails(error, result, "%s", strerrordesc_np(result));
	unlinkat(directory, unfinished, 0);
	if (memory != nullptr)
		unmap_memory(memory, as.bytes);
	return nullptr;
}

} // namespace

bool process_page::make(const page_kind &kind, size_t payload_bytes, page_error &error)
{
	page_header as = {};
	if (!describe(as, kind, payload_bytes, error))
		return false;
	char name[48];
	snprintf(name, sizeof(name), "%u-%llu.%s~", as.pid, static_cast<unsigned long long>(as.start_ticks), kind.name);
	const run_directories places(false);
	for (unsigned i = 0; i < places.count && header_ == nullptr; i++) {
		const int directory = open_run_directory(places.path[i], true, error);
		if (directory < 0)
			continue;
		header_ = make_file(directory, name, as, error);
		close(directory);
		snprintf(path_, sizeof(path_), "%s/%s", places.path[i], name);
	}
	if (header_ != nullptr) {
		bytes_ = as.bytes;
		pid_ = getpid();
		return true;
	}
	// Which file it was, where that is not said yet.
	if (strchr(error.text, '/') == nullptr) {
		page_error bare = error;
		fails(error, bare.error, "%.200s: %.80s", path_, bare.text);
	}
	return false;
}

bool process_page::show(page_error &error)
{
	char unfinished[page_path_bytes];
	memcpy(unfinished, path_, sizeof(unfinished));
	path_[strlen(path_) - 1] = 0;
	if (rename(unfinished, path_) == 0)
		return true;
	fails(error, errno, "%.250s: %s", path_, strerrordesc_np(errno));
	unlink(unfinished);
	return false;
}

void *process_page::payload() const
{
	return reinterpret_cast<char *>(header_) + page_header_bytes;
}

void process_page::remove()
{
	if (header_ != nullptr && pid_ == getpid())
		unlink(path_);
}

void process_page::forget()
{
	if (header_ != nullptr)
		unmap_memory(header_, bytes_);
	header_ = nullptr;
}

} // namespace mp::base
