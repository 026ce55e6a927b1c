// SPDX-License-Identifier: MIT
//
// trace.cpp - see trace.hpp.
#include "mempool/watch/trace.hpp"

#include "mempool/watch/trace_ring.hpp"
#include "mempool/watch/trace_session.hpp"

#include "reserve/wait_queue.hpp"

#include <cerrno>
#include <cstring>

#if MP_PROBES // the Makefile looks for the header
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>
#define MP_TRACE_PROBE(probe, who, args) \
	STAP_PROBE6(mempool, probe, (who).number, (who).name, (args)[0], (args)[1], (args)[2], (args)[3])
#else
#define MP_TRACE_PROBE(probe, who, args) static_cast<void>(0)
#endif

// Where tracers look for them.
#define MP_TRACE_SEMAPHORE(NAME, name, args) \
	[[gnu::section(".probes")]] volatile unsigned short mempool_##name##_semaphore = 0;
extern "C" {
MEMPOOL_TRACE_EVENTS(MP_TRACE_SEMAPHORE)
}
#undef MP_TRACE_SEMAPHORE

namespace mp::trace {
namespace {

void fire_probe(unsigned id, [[maybe_unused]] const subject &who,
		[[maybe_unused]] const uint64_t (&args)[MEMPOOL_TRACE_ARGS])
{
#define MP_TRACE_CASE(NAME, name, text)          \
	case MEMPOOL_TRACE_##NAME:               \
		MP_TRACE_PROBE(name, who, args); \
		break;
	switch (id) {
		MEMPOOL_TRACE_EVENTS(MP_TRACE_CASE)
	default:
		break;
	}
#undef MP_TRACE_CASE
}

/// The wait queue says whom it wakes, by the label that we gave.
void tell_wake(uint64_t label, int need)
{
	if (label == 0)
		return; // it slept when nobody looked
	const subject who = {static_cast<uint32_t>(label >> 32), nullptr};
	MP_TRACE(wake, who, static_cast<uint32_t>(label), need);
}

__attribute__((constructor(103))) void listen_to_wait_queues()
{
	reserve::wake_told.store(tell_wake, std::memory_order_relaxed);
}

} // namespace

void tell(unsigned id, const subject &who, const uint64_t (&args)[MEMPOOL_TRACE_ARGS])
{
	fire_probe(id, who, args);
	if (!watch::debug_on(watch::tracing))
		return;
	const int errno_before = errno;
	{
		const in_flight now;
		if (session *s = now.recording())
			write_event(*s, id, who.number, args);
	}
	errno = errno_before;
}

void tell_text(unsigned id, const subject &who, unsigned from, uint64_t first, const char *text)
{
	uint64_t args[MEMPOOL_TRACE_ARGS] = {};
	if (from > 0)
		args[0] = first;
	// What does not fit is cut off; there need be no 0 at the end.
	strncpy(reinterpret_cast<char *>(args + from), text, (MEMPOOL_TRACE_ARGS - from) * sizeof(args[0])); // NOLINT
	tell(id, who, args);
}

uint32_t next_pool()
{
	static constinit std::atomic<uint32_t> numbers{0};
	return numbers.fetch_add(1, std::memory_order_relaxed) + 1;
}

void tell_pool(unsigned id, const subject &who, const void *pool, int min_nr, int level, size_t element_bytes)
{
	if (watch::debug_on(watch::tracing)) {
		mempool_trace_pool_entry entry = {};
		entry.number = who.number;
		entry.min_nr = min_nr;
		entry.element_bytes = element_bytes;
		entry.address = reinterpret_cast<uintptr_t>(pool);
		strncpy(entry.name, who.name, sizeof(entry.name) - 1);
		const in_flight now;
		if (session *s = now.recording())
			write_pool(*s, entry);
	}
	tell(id, who, {argument(min_nr), argument(level), argument(element_bytes)});
}

uint64_t sleeper_label(const subject &who)
{
	return wanted<event::wake>() ? uint64_t{who.number} << 32 | thread_id() : 0;
}

} // namespace mp::trace

extern "C" void mempool_trace_mark(const char *text)
{
	using namespace mp::trace;
	if (wanted<event::mark>())
		tell_text(event::mark, nobody, 0, 0, text);
}
