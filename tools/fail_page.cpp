// SPDX-License-Identifier: MIT
//
// fail_page.cpp - see fail_page.hpp. The answers are of a program that is being
// broken on purpose: every index and every count is looked at before it is used.
#include "tools/fail_page.hpp"

#include "tools/fail_size.hpp"
#include "tools/preload/protocol.hpp"
#include "tools/text.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <limits>
#include <stdexcept>
#include <sys/mman.h>
#include <tuple>
#include <unistd.h>

namespace fail {

namespace protocol = mp::preload;

namespace {

template <size_t Room> void put(char (&field)[Room], const std::string &text)
{
	if (text.size() >= Room)
		throw failure("'" + text.substr(0, 40) + "...': too long for a filter; the most is " +
				      std::to_string(Room - 1) + " bytes",
			      wrong_usage);
	text.copy(field, text.size());
}

void add_filters(protocol::order_sheet &orders, const std::vector<std::string> &patterns, bool reject, bool function)
{
	for (const std::string &pattern : patterns) {
		if (orders.filters_used == protocol::max_filters)
			throw failure("too many filters; " + std::to_string(protocol::max_filters) + " are the most",
				      wrong_usage);
		protocol::caller_filter &f = orders.filters[orders.filters_used++];
		f.reject = reject ? 1 : 0;
		if (function)
			put(f.function, pattern);
		else
			put(f.module, pattern);
	}
}

void order_filters(protocol::order_sheet &orders, const filters &wanted)
{
	add_filters(orders, wanted.only_modules, false, false);
	add_filters(orders, wanted.not_modules, true, false);
	add_filters(orders, wanted.only_functions, false, true);
	add_filters(orders, wanted.not_functions, true, true);
	if (wanted.filter_depth != 0)
		orders.filter_depth = wanted.filter_depth;
	put(orders.thread, wanted.thread);
	put(orders.executable, wanted.executable);
	orders.after_main = wanted.after_main ? 1 : 0;
	if (wanted.mmap)
		orders.calls |= protocol::mapping_calls;
	const size_range sizes = size_range_of(wanted.size);
	orders.size_min = sizes.min;
	orders.size_max = sizes.max;
}

void order_failures(protocol::order_sheet &orders, const options &wanted, const plan &planned)
{
	static constexpr protocol::trigger_kind triggers[] = {protocol::trigger_kind::none, protocol::trigger_kind::nth,
							      protocol::trigger_kind::stack,
							      protocol::trigger_kind::random};
	static constexpr protocol::aftermath more[] = {protocol::aftermath::nothing, protocol::aftermath::all,
						       protocol::aftermath::second};
	orders.trigger = triggers[static_cast<size_t>(planned.kind)];
	orders.then = more[static_cast<size_t>(planned.then)];
	orders.process = planned.process;
	orders.n = planned.n;
	orders.second = planned.second;
	orders.stack_hash = planned.stack;
	orders.occurrence = planned.occurrence;
	orders.random.probability = wanted.random.probability;
	orders.random.interval = wanted.random.interval;
	orders.random.times = wanted.random.times;
	orders.random.space =
		static_cast<int32_t>(std::min<uint64_t>(wanted.random.space, std::numeric_limits<int32_t>::max()));
	orders.random.seed = planned.seed;
}

// Reads one page's answers.
class reader {
      public:
	explicit reader(const protocol::page &page) : answers_(page.answers) {}

	observation all()
	{
		processes();
		sites();
		failures();
		crashes();
		misuses();
		leaks();
		return std::move(seen_);
	}

      private:
	template <class Record, size_t Room, class Take>
	void each(const char *what, const protocol::records<Record, Room> &records, Take take)
	{
		const uint64_t count = records.counted.load(std::memory_order_relaxed);
		if (count > Room)
			seen_.notes.push_back(tools::text("%llu %s, of which %zu are known",
							  static_cast<unsigned long long>(count), what, Room));
		for (size_t i = 0; i < records.used(); i++)
			if (records.at[i].ready)
				take(records.at[i]);
	}

	call_stack calls(const protocol::stack_trace &stack) const
	{
		call_stack all;
		for (size_t i = 0; i < std::min<size_t>(stack.depth, protocol::max_frames); i++) {
			place at;
			const size_t module = protocol::module_of(stack.frames[i]);
			if (module < protocol::max_modules && answers_.modules.at[module].ready)
				at.module = protocol::text(answers_.modules.at[module].path);
			at.offset = protocol::offset_of(stack.frames[i]);
			all.push_back(std::move(at));
		}
		return all;
	}

	static std::string name_of(protocol::call_kind which)
	{
		return which < protocol::call_kind::count ? protocol::call_names[static_cast<size_t>(which)] : "?";
	}

	std::string thread_of(uint32_t index, const std::string &name) const
	{
		std::string path;
		if (index > 0 && index <= protocol::max_threads && answers_.threads.at[index - 1].ready)
			path = protocol::text(answers_.threads.at[index - 1].path);
		if (name.empty() || path == name || path == "main")
			return path;
		return path.empty() ? name : path + " (" + name + ")";
	}

	void processes()
	{
		seen_.processes.resize(answers_.processes.used());
		each("processes", answers_.processes, [&](const protocol::process_record &p) {
			member &m = seen_.processes[static_cast<size_t>(&p - answers_.processes.at)];
			m.allocations = p.candidates;
			m.failed = p.failed;
			m.exited = p.exited != 0;
			m.status = p.status;
			m.leaks_checked = p.leaks_checked != 0;
			m.executable = protocol::text(p.executable);
			seen_.lost_sight = seen_.lost_sight || p.blind != 0;
		});
	}

	void sites()
	{
		if (answers_.stacks.counted.load(std::memory_order_relaxed) == 0)
			return;
		for (const protocol::stack_entry &entry : answers_.stacks.at) {
			// Stacks that freed are noted there, too, without a number.
			if (entry.claim.load(std::memory_order_relaxed) == 0 || !entry.ready || entry.n == 0)
				continue;
			seen_.sites.push_back({entry.stack.hash, entry.process, entry.n, entry.count, entry.size,
					       name_of(entry.call), calls(entry.stack)});
		}
		std::sort(seen_.sites.begin(), seen_.sites.end(), [](const site &a, const site &b) {
			return std::tie(a.process, a.n, a.digest) < std::tie(b.process, b.n, b.digest);
		});
		if (const uint64_t dropped = answers_.stacks_dropped; dropped > 0)
			seen_.notes.push_back("the stacks of " + std::to_string(dropped) +
					      " allocations found no room");
	}

	void failures()
	{
		each("failed allocations", answers_.failures, [&](const protocol::failure_record &f) {
			seen_.injections.push_back({f.process, f.n, f.stack.hash, f.occurrence, f.size, name_of(f.call),
						    thread_of(f.thread, std::string(protocol::text(f.thread_name))),
						    calls(f.stack)});
		});
	}

	void crashes()
	{
		each("fatal signals", answers_.crashes, [&](const protocol::crash_record &c) {
			accident a;
			a.signal = c.signal;
			a.handled = c.handled != 0;
			a.address = c.address;
			a.failed_before = c.failed;
			a.process = c.process;
			a.thread = thread_of(c.thread, std::string(protocol::text(c.thread_name)));
			a.calls = calls(c.stack);
			seen_.crashes.push_back(std::move(a));
		});
	}

	void misuses()
	{
		static constexpr const char *names[] = {"misuse of the heap", "double free",
							"free of what was never allocated", "realloc of a freed block",
							"realloc of what was never allocated"};
		each("misuses of the heap", answers_.misuses, [&](const protocol::misuse_record &m) {
			accident a;
			const auto kind = static_cast<size_t>(m.kind);
			a.what = names[kind < std::size(names) ? kind : 0];
			a.address = m.address;
			a.failed_before = m.failed;
			a.process = m.process;
			a.thread = thread_of(m.thread, "");
			a.calls = calls(m.stack);
			a.allocated = calls(m.allocated);
			a.freed = calls(m.freed);
			seen_.misuses.push_back(std::move(a));
		});
	}

	void leaks()
	{
		each("leaks", answers_.leaks, [&](const protocol::leak_record &l) {
			seen_.leaks.push_back({l.stack.hash, l.blocks, l.bytes, calls(l.stack)});
		});
	}

	const protocol::answer_sheet &answers_;
	observation seen_;
};

} // namespace

page_file::page_file(const std::string &file, const options &wanted, const plan &planned) : file_(file)
{
	unlink(file.c_str());
	const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(protocol::page)) != 0) {
		const int error = errno;
		if (fd >= 0)
			close(fd);
		throw std::runtime_error(tools::with_errno(file, error));
	}
	mapped_ = mmap(nullptr, sizeof(protocol::page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	const int error = errno;
	close(fd);
	if (mapped_ == MAP_FAILED)
		throw std::runtime_error(tools::with_errno(file, error));
	auto &page = *static_cast<protocol::page *>(mapped_);
	protocol::prepare(page);
	page.orders.record_stacks = 1;
	page.orders.watch_heap = 1;
	page.orders.leak_check = wanted.ignore_leaks ? 0 : 1;
	order_filters(page.orders, wanted.filters);
	order_failures(page.orders, wanted, planned);
}

page_file::~page_file()
{
	munmap(mapped_, sizeof(protocol::page));
}

std::string page_file::variable() const
{
	return std::string(protocol::page_variable) + "=" + file_;
}

observation page_file::read() const
{
	return reader(*static_cast<const protocol::page *>(mapped_)).all();
}

uint64_t observation::allocations() const
{
	uint64_t all = 0;
	for (const member &m : processes)
		all += m.allocations;
	return all;
}

uint64_t observation::failed() const
{
	uint64_t all = 0;
	for (const member &m : processes)
		all += m.failed;
	return all;
}

} // namespace fail
