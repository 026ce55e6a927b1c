// SPDX-License-Identifier: MIT
//
// attach.cpp - the page is taken, or refused; the process gets its record, and
// so does each child that it forks.
//
// Owner of the state: see state.hpp. Race table: begin() by one thread; the fork
// handlers as pthread_atfork(3) has them.
#include "tools/preload/blocks.hpp"
#include "tools/preload/decide.hpp"
#include "tools/preload/heaps.hpp"
#include "tools/preload/threads.hpp"

#include "mempool/watch/fault_decision.hpp"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mp::preload {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;
constinit process_record unrecorded = {}; // counts that nobody reads: there was no room
constinit order_sheet copied = {};

/// Why this file is not our page; nullptr: it is, and is mapped as `shared`.
const char *take_page(const char *path)
{
	if (path[0] != '/')
		return "is not an absolute path";
	const int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? "does not exist" : errno == ELOOP ? "is a symbolic link" : "cannot be opened";
	struct stat about = {};
	const bool known = fstat(fd, &about) == 0;
	void *memory = MAP_FAILED;
	const char *refusal = nullptr;
	if (!known || !S_ISREG(about.st_mode))
		refusal = "is not a file";
	else if (about.st_uid != geteuid() || (about.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		refusal = "is not this user's alone (mode 0600)";
	else if (about.st_size != static_cast<off_t>(sizeof(page)))
		refusal = "has another size: of another version, or cut off";
	else {
		memory = next.mmap(nullptr, sizeof(page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (memory == MAP_FAILED)
			refusal = "cannot be mapped";
	}
	close(fd);
	if (refusal != nullptr)
		return refusal;
	shared = static_cast<page *>(memory);
	if (is_valid(*shared))
		return nullptr;
	refusal = shared->magic == page_magic ? "is of another version" : "is not a page of mempool fail";
	munmap(memory, sizeof(page));
	shared = nullptr;
	return refusal;
}

void copy_orders()
{
	memcpy(static_cast<void *>(&copied), static_cast<const void *>(&shared->orders), sizeof(copied));
	order_sheet &o = copied;
	// Whatever it says is brought into its range: it is only a file.
	o.filters_used = std::min<uint32_t>(o.filters_used, max_filters);
	o.stack_depth = std::clamp<uint32_t>(o.stack_depth, 1, max_frames);
	o.filter_depth = std::clamp<uint32_t>(o.filter_depth, 1, max_frames);
	o.thread[sizeof(o.thread) - 1] = 0;
	o.executable[sizeof(o.executable) - 1] = 0;
	for (caller_filter &filter : o.filters) {
		filter.module[sizeof(filter.module) - 1] = 0;
		filter.function[sizeof(filter.function) - 1] = 0;
	}
	// A sanitizer watches the heap and the signals itself, and its strdup() does not come by malloc().
	if (next.is_sanitizer)
		o.watch_heap = o.leak_check = o.catch_crashes = 0;
	orders_here.orders = &o;
}

/// What follows from the orders for the process that this is now.
void make_plan()
{
	const order_sheet &o = copied;
	orders_here.here = (o.process == 0 || o.process == self_number) && o.trigger != trigger_kind::none;
	orders_here.needs_hash = o.record_stacks != 0 || (orders_here.here && o.trigger == trigger_kind::stack);
	orders_here.track = o.watch_heap != 0 || o.leak_check != 0;
	const bool filtered = o.size_min != 0 || o.size_max != UINT64_MAX || o.after_main != 0 || o.thread[0] != 0 ||
			      o.filters_used != 0;
	const bool counted_only = !orders_here.here || o.trigger == trigger_kind::nth;
	orders_here.plain = !filtered && !orders_here.needs_hash && counted_only;
	orders_here.plain_from = orders_here.here ? o.n : UINT64_MAX;
}

/// The number of the latest process of this pid that still runs; 0: there is none.
uint32_t running_process(pid_t pid)
{
	const auto &processes = shared->answers.processes;
	for (size_t i = processes.used(); i-- > 0;) {
		const process_record &at = processes.at[i];
		if (at.ready && at.pid == pid && at.exited.load(relaxed) == 0)
			return static_cast<uint32_t>(i + 1);
	}
	return 0;
}

/// A record for this process, which is new; `parent` is the number of the one before.
void enter(origin_kind origin, uint32_t parent, uint64_t identity)
{
	auto &processes = shared->answers.processes;
	const uint64_t index = processes.counted.fetch_add(1, relaxed);
	self_number = index < max_processes ? static_cast<uint32_t>(index + 1) : 0;
	self = self_number != 0 ? &processes.at[index] : &unrecorded;
	self->pid = getpid();
	self->parent_pid = getppid();
	self->origin = origin;
	self->parent = parent;
	self->identity = identity;
	self->threads.store(1, relaxed);
	self->blind.store(copied.watch_heap != 0 && is_blind() ? 1 : 0, relaxed);
	if (readlink("/proc/self/exe", self->executable, sizeof(self->executable) - 1) < 0)
		copy_text(self->executable, "?");
	self->ready.set();
}

uint64_t identity_after(uint64_t before, uint64_t step)
{
	const uint64_t figures[] = {before, step};
	return watch::fault_hash({reinterpret_cast<const char *>(figures), sizeof(figures)});
}

void before_fork()
{
	lock_blocks();
}

void in_parent()
{
	unlock_blocks();
	if (is_active())
		self->forks.fetch_add(1, relaxed);
}

void in_child()
{
	free_heaps_in_child();
	unlock_blocks();
	if (!is_active())
		return;
	const process_record &before = *self;
	const uint32_t began = before.main_began.load(relaxed);
	enter(origin_kind::fork, self_number, identity_after(before.identity, before.forks.load(relaxed) + 1));
	self->main_began.store(began, relaxed);
	name_main_thread();
	make_plan();
}

} // namespace

bool attach()
{
	const char *path = secure_getenv(page_variable);
	if (path == nullptr || *path == 0)
		return false;
	if (const char *refusal = take_page(path)) {
		complain(path, refusal, "no allocation fails in this process");
		return false;
	}
	copy_orders();
	shared->attached.fetch_add(1, relaxed);
	auto &processes = shared->answers.processes;
	const uint32_t replaced = running_process(getpid());
	// Without a predecessor it began by vfork() or posix_spawn(), or it is the first.
	const uint32_t parent = replaced != 0 ? replaced : running_process(getppid());
	uint64_t identity = watch::fault_hash("process");
	if (replaced != 0) {
		processes.at[replaced - 1].exited.store(exit_by_exec, relaxed);
		identity = identity_after(processes.at[replaced - 1].identity, 0);
	} else if (parent != 0) {
		process_record &creator = processes.at[parent - 1];
		identity = identity_after(creator.identity, creator.forks.fetch_add(1, relaxed) + 1);
	}
	enter(origin_kind::exec, parent, identity);
	if (!executable_fits(text(self->executable)))
		return false;
	make_plan();
	name_main_thread();
	return true;
}

void begin()
{
	stage was = stage::none;
	if (now.compare_exchange_strong(was, stage::starting, relaxed)) {
		find_next();
		now.store(stage::early, std::memory_order_release); // release: pairs with the acquire in can_go_on()
	}
	was = stage::early;
	// Without an environment it is too early; the constructor comes here again.
	if (environ == nullptr || !now.compare_exchange_strong(was, stage::attaching, relaxed))
		return;
	const at_work inside;
	if (!attach()) {
		now.store(stage::passive, relaxed);
		return;
	}
	pthread_atfork(before_fork, in_parent, in_child);
	if (copied.catch_crashes != 0)
		catch_crashes();
	now.store(stage::active, std::memory_order_release);
}

void complain(std::string_view a, std::string_view b, std::string_view c)
{
	char line[PATH_MAX + 256];
	size_t used = 0;
	for (const std::string_view part :
	     {std::string_view("libmempool-preload: "), std::string_view(page_variable), std::string_view("="), a,
	      std::string_view(" "), b, std::string_view("; "), c, std::string_view("\n")}) {
		const size_t bytes = std::min(part.size(), sizeof(line) - used);
		memcpy(line + used, part.data(), bytes);
		used += bytes;
	}
	// There is nobody to tell that stderr is closed.
	static_cast<void>(!write(STDERR_FILENO, line, used));
}

} // namespace mp::preload
