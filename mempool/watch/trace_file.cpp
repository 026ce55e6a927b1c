// SPDX-License-Identifier: MIT
//
// trace_file.cpp - see trace_file.hpp.
#include "mempool/watch/trace_file.hpp"

#include "reserve/base/clock.hpp"
#include "reserve/base/mapping.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mp::trace {
namespace {

// The layout is the file's format.
static_assert(sizeof(mempool_trace_header) == 512 && sizeof(mempool_trace_event_entry) == 128 &&
	      sizeof(mempool_trace_pool_entry) == 128 && sizeof(mempool_trace_stack_entry) == 128 &&
	      sizeof(mempool_trace_ring_entry) == 64 && sizeof(mempool_trace_record) == 64);

constexpr uint32_t pool_entries = 1024;
constexpr uint32_t stack_entries = 4096;
constexpr uint32_t maps_bytes = 64 << 10;

struct event_text {
	const char *name;
	const char *args;
};
#define MP_TRACE_TEXT(NAME, name, args) {#name, args},
constexpr event_text event_texts[] = {MEMPOOL_TRACE_EVENTS(MP_TRACE_TEXT)};
#undef MP_TRACE_TEXT

/// Everything that follows from the settings.
mempool_trace_header layout(const settings &how)
{
	mempool_trace_header h = {};
	memcpy(h.magic, MEMPOOL_TRACE_MAGIC, sizeof(h.magic));
	h.byte_order = MEMPOOL_TRACE_BYTE_ORDER;
	h.version = MEMPOOL_TRACE_VERSION;
	h.event_count = MEMPOOL_TRACE_ID_COUNT;
	h.rings = how.threads;
	h.events_per_ring = how.events;
	h.pools = pool_entries;
	h.stacks = (how.flags & MEMPOOL_TRACE_STACKS) != 0 ? stack_entries : 0;
	h.maps_bytes = (how.flags & MEMPOOL_TRACE_STACKS) != 0 ? maps_bytes : 0;
	h.flags = how.flags;

	uint64_t end = sizeof(h);
	const auto place = [&end](uint64_t bytes) {
		const uint64_t at = end;
		end += bytes;
		return at;
	};
	h.events_at = place(h.event_count * sizeof(mempool_trace_event_entry));
	h.pools_at = place(h.pools * sizeof(mempool_trace_pool_entry));
	h.stacks_at = place(h.stacks * sizeof(mempool_trace_stack_entry));
	h.maps_at = place(h.maps_bytes);
	h.rings_at = place(h.rings * sizeof(mempool_trace_ring_entry));
	h.records_at = place(uint64_t{h.rings} * h.events_per_ring * sizeof(mempool_trace_record));
	h.file_bytes = end;
	return h;
}

/// Where code lies, so that addresses mean something later: the lines of
/// /proc/self/maps that are executable, as many as fit.
void keep_maps(char *to, size_t room_bytes)
{
	const int fd = room_bytes > 0 ? open("/proc/self/maps", O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	char text[4096];
	size_t have = 0;
	size_t used = 0;
	ssize_t n;
	while ((n = read(fd, text + have, sizeof(text) - have)) > 0) {
		have += static_cast<size_t>(n);
		char *line = text;
		while (auto *end = static_cast<char *>(memchr(line, '\n', static_cast<size_t>(text + have - line)))) {
			const auto bytes = static_cast<size_t>(end + 1 - line);
			const bool code = memmem(line, bytes, " r-xp ", 6) != nullptr;
			if (code && used + bytes < room_bytes) {
				memcpy(to + used, line, bytes);
				used += bytes;
			}
			line = end + 1;
		}
		have -= static_cast<size_t>(line - text);
		memmove(text, line, have);
		have = have == sizeof(text) ? 0 : have; // a line that long names no file that we could find
	}
	close(fd);
}

void fill(mempool_trace_header *header, const mempool_trace_header &from)
{
	*header = from;
	timespec now = {};
	clock_gettime(CLOCK_REALTIME, &now);
	header->start_ns = base::now_ns();
	header->start_realtime_ns =
		static_cast<uint64_t>(now.tv_sec) * base::ns_per_s + static_cast<uint64_t>(now.tv_nsec);
	header->pid = static_cast<uint32_t>(getpid());
	strncpy(header->program, program_invocation_short_name, sizeof(header->program) - 1);
	auto *entry = table<mempool_trace_event_entry>(header, header->events_at);
	for (const event_text &text : event_texts) {
		strncpy(entry->name, text.name, sizeof(entry->name) - 1);
		strncpy(entry->args, text.args, sizeof(entry->args) - 1);
		entry++;
	}
	keep_maps(table<char>(header, header->maps_at), header->maps_bytes);
}

/// Blocks for the whole file; where the file system cannot promise them, they are written.
int take_blocks(int fd, uint64_t bytes)
{
	const auto length = static_cast<off_t>(bytes);
	if (fallocate(fd, 0, 0, length) == 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != ENOSYS)
		return -errno;
	static constexpr char zeroes[4096] = {};
	for (off_t at = 0; at < length;) {
		const size_t some = std::min(sizeof(zeroes), static_cast<size_t>(length - at));
		const ssize_t n = pwrite(fd, zeroes, some, at);
		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? n : 0;
	}
	return 0;
}

/// The pages exist before the first event does: later there may be no memory for them.
made map(int fd, const mempool_trace_header &as)
{
	void *memory = base::map_shared(fd, as.file_bytes);
	if (memory == nullptr)
		return {nullptr, -errno};
	if (!base::populate(memory, as.file_bytes)) {
		const int error = -errno;
		base::unmap_memory(memory, as.file_bytes);
		return {nullptr, error};
	}
	auto *header = static_cast<mempool_trace_header *>(memory);
	fill(header, as);
	return {header, 0};
}

} // namespace

bool read_options(const mempool_trace_options *given, settings &to)
{
	constexpr unsigned default_events = 4096;
	constexpr unsigned default_threads = 64;
	constexpr unsigned most_events = 1U << 24;
	constexpr unsigned most_threads = 1024;
	mempool_trace_options o = {};
	if (given != nullptr) {
		if (given->size < sizeof(given->size) || given->size > 4096)
			return false;
		memcpy(&o, given, std::min(given->size, sizeof(o)));
		// A caller of a later version: what we do not know must be off.
		for (size_t i = sizeof(o); i < given->size; i++)
			if (reinterpret_cast<const char *>(given)[i] != 0)
				return false;
	}
	if (o.events > most_events || o.threads > most_threads || o.reserved != 0 ||
	    (o.flags & ~(MEMPOOL_TRACE_STACKS | MEMPOOL_TRACE_NOFORK)) != 0)
		return false;
	to.events = std::bit_ceil(o.events == 0 ? default_events : o.events);
	to.threads = o.threads == 0 ? default_threads : o.threads;
	to.flags = o.flags;
	return true;
}

made make_in_memory(const settings &how)
{
	return map(-1, layout(how));
}

made make_in_file(const char *path, const settings &how)
{
	const mempool_trace_header as = layout(how);
	constexpr mode_t owner_only = 0600; // it tells addresses
	const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, owner_only);
	if (fd < 0)
		return {nullptr, -errno};
	made m;
	m.error = take_blocks(fd, as.file_bytes);
	if (m.error == 0)
		m = map(fd, as);
	close(fd);
	if (m.error != 0)
		unlink(path);
	return m;
}

void unmake(mempool_trace_header *header, size_t bytes)
{
	base::unmap_memory(header, bytes);
}

} // namespace mp::trace

using namespace mp;

extern "C" const char *mempool_trace_event_name(unsigned int event)
{
	return event < MEMPOOL_TRACE_ID_COUNT ? trace::event_texts[event].name : nullptr;
}

extern "C" const char *mempool_trace_event_args(unsigned int event)
{
	return event < MEMPOOL_TRACE_ID_COUNT ? trace::event_texts[event].args : nullptr;
}
