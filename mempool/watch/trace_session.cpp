// SPDX-License-Identifier: MIT
//
// trace_session.cpp - see trace_session.hpp.
#include "mempool/watch/trace_session.hpp"

#include "mempool/watch/debug.hpp"
#include "mempool/watch/trace.hpp"

#include "reserve/base/clock.hpp"
#include "reserve/base/cpu.hpp"
#include "reserve/base/report.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mp::trace {

constinit thread_local thread_state this_thread = {};
constinit base::counted_lock recording_lock;

namespace {

constinit session places[2];
constinit unsigned last_place = 0;
constinit std::atomic<session *> current{nullptr};
constinit std::atomic<session *> last{nullptr}; // what can be read when nothing is current
constinit std::atomic<uint64_t> generations{0};
constinit std::atomic<unsigned> processes{1}; // this one, counting forks
constinit std::atomic<uint64_t> unplaced_yet{0};

enum class arming : unsigned { none, armed, making };
constinit std::atomic<arming> state{arming::none};
constinit char file_path[path_bytes] = {}; // of the last recording, or of one to come; "": in memory
constinit settings file_settings;

// Who may be writing, in stripes, as all threads would meet at one word.
struct alignas(base::cache_line_bytes) stripe {
	std::atomic<unsigned> writers{0};
};
constexpr unsigned stripe_count = 64;
constinit stripe stripes[stripe_count];
constinit std::atomic<unsigned> next_stripe{0};

std::atomic<unsigned> &own_stripe()
{
	if (this_thread.stripe_plus == 0)
		this_thread.stripe_plus = next_stripe.fetch_add(1, std::memory_order_relaxed) % stripe_count + 1;
	return stripes[this_thread.stripe_plus - 1].writers;
}

/// Until all that may have seen a recording that is current no longer are done.
void wait_for_writers()
{
	for (stripe &s : stripes)
		// acquire: pairs with the release in ~in_flight(), ORD-30
		while (s.writers.load(std::memory_order_acquire) != 0)
			sched_yield();
}

void set_tracing(bool on)
{
	if (on)
		watch::watch_word.fetch_or(watch::tracing, std::memory_order_relaxed);
	else
		watch::watch_word.fetch_and(~watch::tracing, std::memory_order_relaxed);
}

/// What came while a recording was being made, too.
void fold_unplaced(session &s)
{
	const uint64_t n = unplaced_yet.exchange(0, std::memory_order_relaxed);
	if (n > 0)
		std::atomic_ref(s.header->unplaced).fetch_add(n, std::memory_order_relaxed);
}

session &publish(mempool_trace_header *header)
{
	last_place ^= 1U;
	session &s = places[last_place];
	s.header = header;
	s.pool_table = table<mempool_trace_pool_entry>(header, header->pools_at);
	s.stack_table = table<mempool_trace_stack_entry>(header, header->stacks_at);
	s.ring_table = table<mempool_trace_ring_entry>(header, header->rings_at);
	s.records = table<mempool_trace_record>(header, header->records_at);
	s.pools = header->pools;
	s.stacks = header->stacks;
	s.rings = header->rings;
	s.events = header->events_per_ring;
	s.bytes = header->file_bytes;
	s.generation = generations.fetch_add(1, std::memory_order_relaxed) + 1;
	// seq_cst: pairs with the loads in recording() and count_unplaced(), ORD-30
	current.store(&s, std::memory_order_seq_cst);
	fold_unplaced(s);
	return s;
}

/// Under the name that it was armed with; where that exists, with the process's
/// number behind it, and then counting: nothing is overwritten.
made make_named()
{
	constexpr int most_tries = 100;
	char name[path_bytes + 32];
	snprintf(name, sizeof(name), "%s", file_path);
	struct stat there = {};
	if (lstat(name, &there) == 0 && !S_ISREG(there.st_mode))
		return {nullptr, -EINVAL};
	made m = make_in_file(name, file_settings);
	for (int n = 1; m.error == -EEXIST && n <= most_tries; n++) {
		if (n == 1)
			snprintf(name, sizeof(name), "%s.%d", file_path, getpid());
		else
			snprintf(name, sizeof(name), "%s.%d.%d", file_path, getpid(), n);
		m = make_in_file(name, file_settings);
	}
	return m;
}

/// The names of pools that a child has of its parent.
void inherit_pools(session &to, const session &from)
{
	const uint32_t used = std::atomic_ref(from.header->pools_used).load(std::memory_order_relaxed);
	memcpy(to.pool_table, from.pool_table, to.pools * sizeof(*to.pool_table));
	std::atomic_ref(to.header->pools_used).store(used, std::memory_order_relaxed);
}

/// The first event has come. Whoever comes meanwhile is counted.
session *begin_armed()
{
	arming seen = arming::armed;
	// acquire: pairs with the release in arm(), ORD-31
	if (!state.compare_exchange_strong(seen, arming::making, std::memory_order_acquire)) {
		if (seen == arming::making)
			count_unplaced(nullptr);
		return nullptr;
	}
	const made m = make_named();
	session *s = nullptr;
	if (m.header != nullptr) {
		session *parents = last.load(std::memory_order_relaxed);
		s = &publish(m.header);
		if (parents != nullptr && parents->pools == s->pools)
			inherit_pools(*s, *parents);
	} else {
		set_tracing(false);
		base::report(base::severity::warning)
			.line("no trace is recorded: '%s': %s (errno %d)", file_path, strerrordesc_np(-m.error),
			      -m.error)
			.emit();
	}
	state.store(arming::none, std::memory_order_relaxed);
	return s;
}

/// Makes the path one that a later chdir() does not change. 0 or -errno.
int keep_path(const char *path)
{
	size_t used = 0;
	if (path[0] != '/') {
		if (getcwd(file_path, sizeof(file_path)) == nullptr)
			return -errno;
		used = strlen(file_path);
		file_path[used++] = '/';
	}
	const size_t length = strlen(path);
	if (used + length >= sizeof(file_path))
		return -ENAMETOOLONG;
	memcpy(file_path + used, path, length + 1);
	return 0;
}

/// A new file in place of an old one. Whoever maps the old one keeps it whole.
made replace_file(const char *path, const settings &how)
{
	struct stat there = {};
	if (lstat(path, &there) == 0) {
		if (!S_ISREG(there.st_mode) && !S_ISLNK(there.st_mode))
			return {nullptr, -EINVAL};
		if (unlink(path) != 0)
			return {nullptr, -errno};
	}
	return make_in_file(path, how);
}

} // namespace

uint32_t thread_id()
{
	const unsigned process = processes.load(std::memory_order_relaxed);
	if (this_thread.process != process) {
		this_thread.id = static_cast<uint32_t>(gettid());
		this_thread.process = process;
	}
	return this_thread.id;
}

in_flight::in_flight()
{
	this_thread.depth++;
	// seq_cst: pairs with the exchange in stop(), ORD-30
	own_stripe().fetch_add(1, std::memory_order_seq_cst);
}

in_flight::~in_flight()
{
	// release: pairs with the acquire in wait_for_writers(), ORD-30
	own_stripe().fetch_sub(1, std::memory_order_release);
	this_thread.depth--;
}

session *in_flight::recording() const
{
	// seq_cst: pairs with the exchange in stop(), ORD-30
	session *s = current.load(std::memory_order_seq_cst);
	if (s == nullptr && state.load(std::memory_order_relaxed) != arming::none) [[unlikely]]
		return begin_armed();
	return s;
}

void count_unplaced(session *s)
{
	if (s != nullptr) {
		std::atomic_ref(s->header->unplaced).fetch_add(1, std::memory_order_relaxed);
		return;
	}
	unplaced_yet.fetch_add(1, std::memory_order_seq_cst);
	// seq_cst: pairs with the store in publish(): one of the two sees the other, ORD-30
	s = current.load(std::memory_order_seq_cst);
	if (s != nullptr)
		fold_unplaced(*s);
}

int start(const char *path, const settings &how)
{
	const std::lock_guard guard(recording_lock);
	if (current.load(std::memory_order_relaxed) != nullptr || state.load(std::memory_order_relaxed) != arming::none)
		return -EBUSY;
	file_path[0] = '\0';
	file_settings = how;
	const int error = path != nullptr ? keep_path(path) : 0;
	if (error != 0)
		return error;
	const made m = path != nullptr ? replace_file(file_path, how) : make_in_memory(how);
	if (m.header == nullptr)
		return m.error;
	session *old = last.exchange(nullptr, std::memory_order_relaxed);
	if (old != nullptr)
		unmake(old->header, old->bytes);
	publish(m.header);
	set_tracing(true);
	return 0;
}

bool stop()
{
	const std::lock_guard guard(recording_lock);
	arming seen = arming::armed;
	if (state.compare_exchange_strong(seen, arming::none, std::memory_order_relaxed)) {
		set_tracing(false);
		return true;
	}
	if (seen == arming::making)
		wait_for_writers(); // one of them makes it
	set_tracing(false);
	// seq_cst: pairs with in_flight() and recording(), ORD-30
	session *s = current.exchange(nullptr, std::memory_order_seq_cst);
	if (s == nullptr)
		return false;
	wait_for_writers();
	s->header->stop_ns = base::now_ns();
	last.store(s, std::memory_order_relaxed);
	return true;
}

bool arm(const char *path, const settings &how)
{
	file_settings = how;
	if (keep_path(path) != 0)
		return false;
	// release: pairs with the acquire in begin_armed(), ORD-31
	state.store(arming::armed, std::memory_order_release);
	set_tracing(true);
	return true;
}

session *readable()
{
	session *s = current.load(std::memory_order_acquire);
	return s != nullptr ? s : last.load(std::memory_order_relaxed);
}

void after_fork_in_child()
{
	recording_lock.reset_in_child();
	for (stripe &s : stripes)
		s.writers.store(0, std::memory_order_relaxed);
	// Handlers fork, too: what they interrupted goes on here as well.
	if (this_thread.depth > 0)
		own_stripe().store(this_thread.depth, std::memory_order_relaxed);
	processes.fetch_add(1, std::memory_order_relaxed);

	session *parents = current.exchange(nullptr, std::memory_order_relaxed);
	const bool was_on = parents != nullptr || state.load(std::memory_order_relaxed) != arming::none;
	if (parents != nullptr)
		last.store(parents, std::memory_order_relaxed);
	const bool follow = was_on && file_path[0] != '\0' && (file_settings.flags & MEMPOOL_TRACE_NOFORK) == 0;
	// release: as in arm(), ORD-31
	state.store(follow ? arming::armed : arming::none, std::memory_order_release);
	set_tracing(follow);
}

} // namespace mp::trace
