// SPDX-License-Identifier: MIT
//
// trace_file.cpp - see trace_file.hpp.
#include "tools/trace_file.hpp"

#include "tools/trace.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <mempool/mempool-explain.h>
#include <mempool/mempool-trace-file.h>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

namespace trace {
namespace {

class input {
      public:
	explicit input(const std::string &path)
		: path_(path), fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK))
	{
		struct stat st = {};
		if (fd_ < 0 || fstat(fd_, &st) != 0)
			fail(strerror(errno));
		if (S_ISDIR(st.st_mode))
			fail(strerror(EISDIR));
		if (!S_ISREG(st.st_mode))
			fail("is no ordinary file");
		bytes_ = static_cast<uint64_t>(st.st_size);
	}
	input(const input &) = delete;
	input &operator=(const input &) = delete;
	~input()
	{
		if (fd_ >= 0)
			close(fd_);
	}

	uint64_t bytes() const { return bytes_; }

	[[noreturn]] void fail(const std::string &why) const { throw failure(path_ + ": " + why); }

	/// `count` entries from `at` on, all of which the file must have.
	template <class Entry> std::vector<Entry> table(uint64_t at, uint64_t count, const char *what) const
	{
		uint64_t size = 0;
		uint64_t end = 0;
		if (__builtin_mul_overflow(count, sizeof(Entry), &size) || __builtin_add_overflow(at, size, &end) ||
		    end > bytes_)
			fail(std::string("is damaged: its ") + what + " lie outside of it");
		std::vector<Entry> entries(count);
		take(entries.data(), size, at);
		return entries;
	}

      private:
	void take(void *to, uint64_t size, uint64_t at) const
	{
		auto *next = static_cast<char *>(to);
		while (size > 0) {
			const ssize_t n = pread(fd_, next, size, static_cast<off_t>(at));
			if (n == 0)
				fail("became shorter while it was read");
			if (n < 0 && errno != EINTR)
				fail(strerror(errno));
			if (n > 0) {
				next += n;
				at += static_cast<uint64_t>(n);
				size -= static_cast<uint64_t>(n);
			}
		}
	}

	std::string path_;
	int fd_;
	uint64_t bytes_ = 0;
};

template <size_t room> std::string text_of(const char (&text)[room])
{
	return {text, strnlen(text, room)};
}

mempool_trace_header read_header(const input &from)
{
	if (from.bytes() == 0)
		from.fail("is empty, and no recording");
	mempool_trace_header h = {};
	if (from.bytes() >= sizeof(h.magic) && memcmp(from.table<char>(0, sizeof(h.magic), "first bytes").data(),
						      MEMPOOL_TRACE_MAGIC, sizeof(h.magic)) != 0)
		from.fail("is no recording of mempool trace");
	if (from.bytes() < sizeof(h))
		from.fail("is cut off: " + std::to_string(from.bytes()) +
			  " bytes are less than the head of a recording");
	h = from.table<mempool_trace_header>(0, 1, "first bytes")[0];
	if (h.byte_order == __builtin_bswap32(MEMPOOL_TRACE_BYTE_ORDER))
		from.fail("was recorded on a machine with another byte order; convert it there");
	if (h.byte_order != MEMPOOL_TRACE_BYTE_ORDER)
		from.fail("is damaged: its head makes no sense");
	if (h.version != MEMPOOL_TRACE_VERSION)
		from.fail("is of version " + std::to_string(h.version) +
			  " of the format, and this command reads version " + std::to_string(MEMPOOL_TRACE_VERSION));
	if (h.file_bytes > from.bytes())
		from.fail("is cut off: it has " + std::to_string(from.bytes()) + " of " + std::to_string(h.file_bytes) +
			  " bytes");
	if (h.events_per_ring == 0 || (h.events_per_ring & (h.events_per_ring - 1)) != 0)
		from.fail("is damaged: rings of " + std::to_string(h.events_per_ring) + " events");
	return h;
}

/// "element:p gfp:g", taken apart.
std::vector<argument> arguments_in(const std::string &text)
{
	std::vector<argument> args;
	std::istringstream words(text);
	for (std::string word; words >> word && args.size() < argument_count;) {
		const size_t colon = word.find(':');
		if (colon != std::string::npos && colon + 1 < word.size())
			args.push_back({word.substr(0, colon), word[colon + 1]});
	}
	return args;
}

void label_pools(recording &r)
{
	std::map<std::string, unsigned> named;
	for (const auto &[number, p] : r.pools)
		named[p.name]++;
	for (auto &[number, p] : r.pools)
		p.label = p.name.empty()       ? "pool " + std::to_string(number)
			  : named[p.name] == 1 ? p.name
					       : p.name + " (" + std::to_string(number) + ")";
}

void read_names(const input &from, const mempool_trace_header &h, recording &to)
{
	for (const auto &e : from.table<mempool_trace_event_entry>(h.events_at, h.event_count, "events' names"))
		to.kinds.push_back({text_of(e.name), arguments_in(text_of(e.args))});
	for (const auto &e : from.table<mempool_trace_pool_entry>(h.pools_at, std::min(h.pools_used, h.pools), "pools"))
		if (e.number != 0)
			to.pools[e.number] = {text_of(e.name), "", e.min_nr, e.element_bytes};
	label_pools(to);
	if (h.stacks > 0)
		for (const auto &e : from.table<mempool_trace_stack_entry>(h.stacks_at, h.stacks, "call stacks")) {
			const auto depth = std::min<uint32_t>(e.depth, MEMPOOL_TRACE_STACK_DEPTH);
			to.stacks.emplace_back(e.pc, e.pc + depth);
		}
	if (h.maps_bytes > 0) {
		const auto maps = from.table<char>(h.maps_at, h.maps_bytes, "maps");
		to.maps.assign(maps.data(), strnlen(maps.data(), maps.size()));
	}
}

/// False when the record is not the `number`-th of its ring, whole.
bool take_record(const mempool_trace_record &r, const mempool_trace_record &again, uint64_t number, event &to)
{
	if (r.stamp != number + 1 || memcmp(&r, &again, sizeof(r)) != 0)
		return false;
	to.time_ns = r.time_ns;
	to.number = number;
	to.kind = static_cast<uint16_t>(r.event_cpu_thread);
	to.cpu = static_cast<uint16_t>(r.event_cpu_thread >> 16);
	to.thread = static_cast<uint32_t>(r.event_cpu_thread >> 32);
	to.pool = static_cast<uint32_t>(r.pool_stack);
	to.stack = static_cast<uint32_t>(r.pool_stack >> 32);
	std::copy(std::begin(r.args), std::end(r.args), to.args);
	return true;
}

/// Looks twice: a record that the process writes at this moment differs, or has no stamp.
void read_ring(const input &from, const mempool_trace_header &h, uint32_t ring, uint64_t head, recording &to)
{
	const uint64_t per_ring = h.events_per_ring;
	const uint64_t at = h.records_at + ring * per_ring * sizeof(mempool_trace_record);
	const uint64_t kept = std::min(head, per_ring);
	const auto records = from.table<mempool_trace_record>(at, kept, "events");
	const auto again = from.table<mempool_trace_record>(at, kept, "events");
	const size_t first = to.events.size();
	for (uint64_t number = head - kept; number < head; number++) {
		event e;
		e.ring = ring;
		const uint64_t place = number & (per_ring - 1);
		if (take_record(records[place], again[place], number, e) && e.kind < to.kinds.size())
			to.events.push_back(e);
		else
			to.lost.unfinished++;
	}
	if (head > kept) {
		to.lost.overwritten += head - kept;
		if (to.events.size() > first)
			to.gaps.push_back({to.events[first].thread, to.events[first].time_ns, head - kept});
	}
}

void read_rings(const input &from, const mempool_trace_header &h, recording &to)
{
	const uint32_t used = std::min(h.rings_used, h.rings);
	const auto rings = from.table<mempool_trace_ring_entry>(h.rings_at, used, "rings");
	static_cast<void>(from.table<char>(h.records_at, 0, "events"));
	for (uint32_t ring = 0; ring < used; ring++) {
		if (rings[ring].thread != 0)
			to.threads[rings[ring].thread] = text_of(rings[ring].name);
		read_ring(from, h, ring, rings[ring].head, to);
	}
	std::stable_sort(to.events.begin(), to.events.end(),
			 [](const event &a, const event &b) { return a.time_ns < b.time_ns; });
	for (const event &e : to.events) {
		to.threads.try_emplace(e.thread);
		if (to.kinds[e.kind].name == "thread")
			to.threads[e.thread] = argument_text(to, e, 0);
	}
}

std::string duration(uint64_t ns)
{
	static constexpr const char *units[] = {"ns", "us", "ms", "s"};
	auto value = static_cast<double>(ns);
	unsigned unit = 0;
	for (; value >= 1000 && unit < 3; unit++)
		value /= 1000;
	char text[40];
	snprintf(text, sizeof(text), value < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return text;
}

} // namespace

recording read_recording(const std::string &path)
{
	const input from(path);
	const mempool_trace_header h = read_header(from);
	recording r;
	r.path = path;
	r.program = text_of(h.program);
	r.pid = h.pid;
	r.start_ns = h.start_ns;
	r.start_realtime_ns = h.start_realtime_ns;
	r.events_per_ring = h.events_per_ring;
	read_names(from, h, r);
	read_rings(from, h, r);
	r.lost.unplaced = h.unplaced;
	r.lost.threads = h.threads_lost;
	r.lost.stacks = h.stacks_lost;
	r.lost.pools = h.pools_used > h.pools ? h.pools_used - h.pools : 0;
	r.end_ns = std::max({h.start_ns, h.stop_ns, r.events.empty() ? 0 : r.events.back().time_ns});
	if (!r.events.empty()) // an event that made the file is a little older than it
		r.start_ns = std::min(r.start_ns, r.events.front().time_ns);
	return r;
}

bool looks_like_recording(const std::string &path)
{
	char magic[sizeof(mempool_trace_header::magic)] = {};
	const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const bool same = fd >= 0 && read(fd, magic, sizeof(magic)) == sizeof(magic) &&
			  memcmp(magic, MEMPOOL_TRACE_MAGIC, sizeof(magic)) == 0;
	if (fd >= 0)
		close(fd);
	return same;
}

int64_t argument_of(const recording &r, const event &e, const char *name, int64_t otherwise)
{
	const std::vector<argument> &args = r.kinds[e.kind].args;
	for (unsigned i = 0; i < args.size(); i++)
		if (args[i].name == name)
			return static_cast<int64_t>(e.args[i]);
	return otherwise;
}

std::string argument_text(const recording &r, const event &e, unsigned arg)
{
	const uint64_t value = e.args[arg];
	char text[256];
	switch (r.kinds[e.kind].args[arg].kind) {
	case 't': {
		const auto *start = reinterpret_cast<const char *>(e.args + arg);
		return {start, strnlen(start, (argument_count - arg) * sizeof(e.args[0]))};
	}
	case 'g':
		mempool_gfp_text(static_cast<gfp_t>(value), text, sizeof(text));
		return text;
	case 'n':
		return duration(value);
	case 'p':
		snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(value));
		return text;
	default:
		return std::to_string(static_cast<int64_t>(value));
	}
}

std::string pool_label(const recording &r, uint32_t number)
{
	const auto found = r.pools.find(number);
	return found == r.pools.end() ? "pool " + std::to_string(number) : found->second.label;
}

} // namespace trace
