// SPDX-License-Identifier: MIT
//
// roots.cpp - see roots.hpp.
#include "tools/preload/roots.hpp"

#include "tools/preload/next.hpp"
#include "tools/preload/stacks.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

namespace mp::preload {
namespace {

constexpr size_t maps_bytes = size_t{4} << 20;
constexpr uintptr_t too_large = uintptr_t{1} << 36; // a sanitizer's shadow, say

/// The whole of /proc/self/maps, ended by a zero; nullptr when it cannot be had.
char *read_maps()
{
	auto *text = static_cast<char *>(own_pages(maps_bytes));
	const int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	while (fd >= 0 && text != nullptr && used < maps_bytes - 1) {
		const ssize_t bytes = read(fd, text + used, maps_bytes - 1 - used);
		if (bytes <= 0)
			break;
		used += static_cast<size_t>(bytes);
	}
	if (fd >= 0)
		close(fd);
	return used > 0 ? text : nullptr;
}

uintptr_t hexadecimal(const char *&at)
{
	uintptr_t value = 0;
	for (;; at++) {
		if (*at >= '0' && *at <= '9')
			value = value << 4 | static_cast<uintptr_t>(*at - '0');
		else if (*at >= 'a' && *at <= 'f')
			value = value << 4 | static_cast<uintptr_t>(*at - 'a' + 10);
		else
			return value;
	}
}

bool overlaps(const memory_range &range, uintptr_t start, uintptr_t end)
{
	return range.start < end && start < range.end;
}

/// Is it the program's, and may it hold pointers?
bool counts(const memory_range &range, std::string_view line)
{
	if (range.end - range.start >= too_large || line.find(" /dev/") != std::string_view::npos)
		return false;
	const auto page_start = reinterpret_cast<uintptr_t>(shared);
	if (overlaps(range, page_start, page_start + sizeof(page)))
		return false;
	const known_module *module = module_at(range.start);
	return module == nullptr || module != module_at(reinterpret_cast<uintptr_t>(&counts));
}

} // namespace

__attribute__((noinline)) void each_root(void (*visit)(const memory_range &range, void *arg), void *arg)
{
	const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
	const char *at = read_maps();
	while (at != nullptr && *at != 0) {
		const char *end = strchrnul(at, '\n');
		const std::string_view line(at, static_cast<size_t>(end - at));
		memory_range range = {};
		range.start = hexadecimal(at);
		at++;
		range.end = hexadecimal(at);
		const bool writable = at[0] == ' ' && at[1] == 'r' && at[2] == 'w';
		range.heap = line.ends_with("[heap]");
		at = *end != 0 ? end + 1 : end;
		if (!writable || !counts(range, line))
			continue;
		if (here >= range.start && here < range.end)
			range.start = live_stack > here && live_stack < range.end ? live_stack : here;
		visit(range, arg);
	}
}

void each_word(void *buffer, uintptr_t start, uintptr_t end, void (*visit)(uintptr_t word, void *arg), void *arg)
{
	start = (start + sizeof(uintptr_t) - 1) & ~(sizeof(uintptr_t) - 1);
	while (start + sizeof(uintptr_t) <= end) {
		const size_t bytes = std::min(end - start, scan_buffer_bytes);
		const iovec from = {reinterpret_cast<void *>(start), bytes};
		const iovec to = {buffer, bytes};
		ssize_t got = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
		if (got < 0 && (errno == ENOSYS || errno == EPERM)) {
			memcpy(buffer, from.iov_base, bytes);
			got = static_cast<ssize_t>(bytes);
		}
		const auto *words = static_cast<const uintptr_t *>(buffer);
		for (size_t i = 0; got > 0 && i < static_cast<size_t>(got) / sizeof(uintptr_t); i++)
			visit(words[i], arg);
		start += bytes;
	}
}

} // namespace mp::preload
