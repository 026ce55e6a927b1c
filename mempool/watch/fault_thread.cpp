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
namespace {

constexpr size_t thread_name_bytes = 32;

struct state {
	fault_thread thread;
	unsigned scope_depth;
	bool quiet;
	mempool_fault_hit last;       // depth 0 and no point: none
	char name[thread_name_bytes]; // "": not found out yet
	uint32_t counts[fault_slots];
};
constinit thread_local state mine = {};

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
		memcpy(mine.name, own, sizeof(own));
	else if (gettid() == getpid())
		memcpy(mine.name, "main", sizeof("main"));
	else if (!base::thread_origin(mine.name, sizeof(mine.name)))
		snprintf(mine.name, sizeof(mine.name), "thread-%u",
			 unnamed.fetch_add(1, std::memory_order_relaxed) + 1);
}

void set_nth(unsigned n, bool persistent)
{
	const bool before = mine.thread.nth != 0;
	mine.thread.nth = n;
	mine.thread.nth_persistent = persistent && n != 0;
	mine.thread.hits = 0;
	mine.last.point[0] = 0;
	if (before != (n != 0)) {
		counting.fetch_add(n != 0 ? 1 : -1, std::memory_order_relaxed);
		base::fence(std::memory_order_seq_cst); // between the change and the look, ORD-42
		fault_table_changed();
	}
}

} // namespace

fault_thread &this_fault_thread()
{
	if (mine.name[0] == 0) {
		find_name();
		mine.thread.identity = fault_hash(mine.name);
	}
	return mine.thread;
}

const char *fault_thread_name()
{
	static_cast<void>(this_fault_thread());
	return mine.name;
}

bool fault_thread_quiet()
{
	return mine.quiet;
}

void note_fault(std::string_view point, const char *name, size_t size, uint64_t seed, uint32_t count)
{
	mempool_fault_hit &hit = mine.last;
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

uint32_t &fault_count_of(size_t slot)
{
	return mine.counts[slot];
}

bool fault_threads_count()
{
	return counting.load(std::memory_order_relaxed) > 0;
}

fault_scope::fault_scope() : outermost_(mine.scope_depth++ == 0) {}

fault_scope::~fault_scope()
{
	mine.scope_depth--;
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
	return mine.thread.nth;
}

extern "C" unsigned int mempool_fault_hits()
{
	return mine.thread.hits;
}

extern "C" void mempool_fault_set_quiet(bool on)
{
	mine.quiet = on;
}

extern "C" int mempool_fault_last(struct mempool_fault_hit *hit)
{
	if (mine.last.point[0] == 0)
		return -ENOENT;
	const size_t bytes = std::min(hit->size, sizeof(*hit));
	memcpy(static_cast<void *>(hit), &mine.last, bytes);
	return 0;
}

extern "C" unsigned int mempool_fault_save()
{
	return mine.scope_depth++;
}

extern "C" void mempool_fault_restore(unsigned int flags)
{
	mine.scope_depth = flags;
}

extern "C" void mempool_fault_set_make_it_fail(bool on)
{
	mine.thread.make_it_fail = on;
}

extern "C" void mempool_fault_set_thread(const char *name)
{
	mine.name[0] = 0;
	if (name != nullptr && *name != 0) {
		snprintf(mine.name, sizeof(mine.name), "%s", name);
		mine.thread.identity = fault_hash(name);
	}
	memset(mine.counts, 0, sizeof(mine.counts));
}
