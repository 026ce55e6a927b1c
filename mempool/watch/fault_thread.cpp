// SPDX-License-Identifier: MIT
//
// fault_thread.cpp - see fault_thread.hpp and fault-inject.h.
#include "mempool/watch/fault_thread.hpp"

#include "mempool/fault-inject.h"
#include "mempool/watch/fault_report.hpp"
#include "mempool/watch/fault_table.hpp"

#include "reserve/base/fence.hpp"
#include "reserve/base/stack_trace.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sys/prctl.h>
#include <unistd.h>

namespace mp::watch {

constinit thread_local fault_thread_state fault_mine = {};

namespace {

constinit std::atomic<unsigned> unnamed{0};
constinit std::atomic<int> counting{0}; // threads whose nth is set

/// The name that pthread_setname_np() gave it, unless it is what it inherited;
/// else "main", or what it began with. A number in the order in which threads
/// come here, which scheduling decides, is only for where that is not found out.
void find_name()
{
	char own[16] = {};
	prctl(PR_GET_NAME, own);
	if (strncmp(own, program_invocation_short_name, sizeof(own) - 1) != 0)
		memcpy(fault_mine.name, own, sizeof(own));
	else if (gettid() == getpid())
		memcpy(fault_mine.name, "main", sizeof("main"));
	else if (!base::thread_origin(fault_mine.name, sizeof(fault_mine.name)))
		snprintf(fault_mine.name, sizeof(fault_mine.name), "thread-%u",
			 unnamed.fetch_add(1, std::memory_order_relaxed) + 1);
}

void set_nth(unsigned n, bool persistent)
{
	const bool before = fault_mine.thread.nth != 0;
	fault_mine.thread.nth = n;
	fault_mine.thread.nth_persistent = persistent && n != 0;
	fault_mine.thread.hits = 0;
	fault_mine.last.point[0] = 0;
	if (before != (n != 0)) {
		counting.fetch_add(n != 0 ? 1 : -1, std::memory_order_relaxed);
		base::fence(std::memory_order_seq_cst); // between the change and the look, ORD-42
		fault_table_changed();
	}
}

} // namespace

void fault_find_name()
{
	find_name();
	fault_mine.thread.identity = fault_hash(fault_mine.name);
}

const char *fault_thread_name()
{
	static_cast<void>(this_fault_thread());
	return fault_mine.name;
}

bool fault_thread_quiet()
{
	return fault_mine.quiet;
}

void note_fault(std::string_view point, const char *name, size_t size, uint64_t seed, uint32_t count)
{
	mempool_fault_hit &hit = fault_mine.last;
	hit.size = sizeof(hit);
	memset(hit.point, 0, sizeof(hit.point));
	memcpy(hit.point, point.data(), std::min(point.size(), sizeof(hit.point) - 1));
	snprintf(hit.name, sizeof(hit.name), "%s", name);
	hit.asked = size;
	hit.seed = seed;
	hit.count = count;
	hit.depth = 0;
	base::walk_stack(2 * static_cast<unsigned>(std::size(hit.stack)), [&hit](uintptr_t pc) {
		// Of the library's own frames the caller knows the outermost only: the call that he made.
		if (hit.depth == 1 && base::in_our_library(pc))
			hit.depth = 0;
		hit.stack[hit.depth++] = reinterpret_cast<void *>(pc);
		return hit.depth < std::size(hit.stack);
	});
}

bool fault_threads_count()
{
	return counting.load(std::memory_order_relaxed) > 0;
}

} // namespace mp::watch

using namespace mp::watch;

extern "C" void mempool_fault_set_nth(unsigned int n)
{
	set_nth(n, false);
}

extern "C" void mempool_fault_set_nth_persistent(unsigned int n)
{
	set_nth(n, true);
}

extern "C" unsigned int mempool_fault_get_nth()
{
	return fault_mine.thread.nth;
}

extern "C" unsigned int mempool_fault_hits()
{
	return fault_mine.thread.hits;
}

extern "C" void mempool_fault_set_quiet(bool on)
{
	fault_mine.quiet = on;
}

extern "C" int mempool_fault_last(struct mempool_fault_hit *hit)
{
	if (fault_mine.last.point[0] == 0)
		return -ENOENT;
	const size_t bytes = std::min(hit->size, sizeof(*hit));
	memcpy(static_cast<void *>(hit), &fault_mine.last, bytes);
	return 0;
}

extern "C" unsigned int mempool_fault_save()
{
	return fault_mine.scope_depth++;
}

extern "C" void mempool_fault_restore(unsigned int flags)
{
	fault_mine.scope_depth = flags;
}

extern "C" void mempool_fault_set_make_it_fail(bool on)
{
	fault_mine.thread.make_it_fail = on;
}

extern "C" void mempool_fault_set_thread(const char *name)
{
	fault_mine.name[0] = 0;
	if (name != nullptr && *name != 0) {
		snprintf(fault_mine.name, sizeof(fault_mine.name), "%s", name);
		fault_mine.thread.identity = fault_hash(name);
	}
	memset(fault_mine.counts, 0, sizeof(fault_mine.counts));
}
