// SPDX-License-Identifier: MIT
//
// trace_read.cpp - what was recorded, in the order of time, and what is missing.
// See mempool-trace.h.
//
// Each ring is in order, nearly: an event of a handler may have been numbered
// after the one that it interrupted, and timed before. So a ring's earliest is
// sought among its next few.
//
// Race table: beside those who record, ORD-32; start and stop wait.
#include "mempool/watch/trace_ring.hpp"

#include "reserve/base/mapping.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>

namespace mp::trace {
namespace {

/// How far a reader has come in a ring, and the events after that.
struct position {
	static constexpr unsigned most_ahead = 4; // handlers within handlers, and one more
	uint64_t next;
	uint64_t end;
	unsigned ahead;
	mempool_trace_event events[most_ahead];
};

bool is_earlier(const mempool_trace_event &a, const mempool_trace_event &b)
{
	return a.time_ns < b.time_ns;
}

uint32_t rings_in_use(const session &s)
{
	return std::min(std::atomic_ref(s.header->rings_used).load(std::memory_order_relaxed), s.rings);
}

uint64_t head_of(const session &s, uint32_t ring)
{
	return std::atomic_ref(s.ring_table[ring].head).load(std::memory_order_relaxed);
}

/// Looks ahead as far as it goes. Which is the earliest; nullptr at the end.
mempool_trace_event *earliest(const session &s, uint32_t ring, position &at, uint64_t since_ns)
{
	for (; at.ahead < position::most_ahead && at.next < at.end; at.next++) {
		mempool_trace_event &to = at.events[at.ahead];
		if (read_event(s, ring, at.next, to) && to.time_ns >= since_ns)
			at.ahead++;
	}
	return at.ahead == 0 ? nullptr : std::min_element(at.events, at.events + at.ahead, is_earlier);
}

using visitor = int(const mempool_trace_event *event, void *arg);

int walk(const session &s, position *positions, uint64_t since_ns, visitor *visit, void *arg)
{
	const uint32_t rings = rings_in_use(s);
	for (uint32_t ring = 0; ring < rings; ring++) {
		const uint64_t end = head_of(s, ring);
		positions[ring].next = end > s.events ? end - s.events : 0;
		positions[ring].end = end;
	}
	for (;;) {
		position *from = nullptr;
		mempool_trace_event *first = nullptr;
		for (uint32_t ring = 0; ring < rings; ring++) {
			mempool_trace_event *e = earliest(s, ring, positions[ring], since_ns);
			if (e == nullptr || (first != nullptr && !is_earlier(*e, *first)))
				continue;
			first = e;
			from = &positions[ring];
		}
		if (first == nullptr)
			return 0;
		const mempool_trace_event event = *first;
		std::copy(first + 1, from->events + from->ahead, first);
		from->ahead--;
		if (const int result = visit(&event, arg); result != 0)
			return result;
	}
}

mempool_trace_losses losses_of(const session &s)
{
	mempool_trace_losses l = {};
	for (uint32_t ring = 0; ring < rings_in_use(s); ring++) {
		const uint64_t head = head_of(s, ring);
		l.overwritten += head > s.events ? head - s.events : 0;
	}
	const uint32_t pools = std::atomic_ref(s.header->pools_used).load(std::memory_order_relaxed);
	l.unplaced = std::atomic_ref(s.header->unplaced).load(std::memory_order_relaxed);
	l.threads = std::atomic_ref(s.header->threads_lost).load(std::memory_order_relaxed);
	l.stacks = std::atomic_ref(s.header->stacks_lost).load(std::memory_order_relaxed);
	l.pools = pools > s.pools ? pools - s.pools : 0;
	return l;
}

} // namespace
} // namespace mp::trace

using namespace mp;

extern "C" int mempool_trace_for_each(uint64_t since_ns,
				      int (*visit)(const struct mempool_trace_event *event, void *arg), void *arg)
{
	const std::lock_guard guard(trace::recording_lock);
	const trace::session *s = trace::readable();
	if (s == nullptr)
		return -ENOENT;
	const size_t bytes = s->rings * sizeof(trace::position);
	auto *positions = static_cast<trace::position *>(base::map_memory(bytes));
	if (positions == nullptr)
		return -ENOMEM;
	const int result = trace::walk(*s, positions, since_ns, visit, arg);
	base::unmap_memory(positions, bytes);
	return result;
}

extern "C" uint64_t mempool_trace_lost(struct mempool_trace_losses *losses)
{
	mempool_trace_losses l = {};
	{
		const std::lock_guard guard(trace::recording_lock);
		if (const trace::session *s = trace::readable())
			l = trace::losses_of(*s);
	}
	if (losses != nullptr && losses->size >= sizeof(losses->size)) {
		l.size = std::min(losses->size, sizeof(l));
		memcpy(losses, &l, l.size);
	}
	return l.overwritten + l.unplaced;
}

extern "C" int mempool_trace_stop()
{
	return trace::stop() ? 0 : -EALREADY;
}
