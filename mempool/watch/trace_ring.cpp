// SPDX-License-Identifier: MIT
//
// trace_ring.cpp - see trace_ring.hpp.
#include "mempool/watch/trace_ring.hpp"

#include "reserve/base/clock.hpp"
#include "reserve/base/cpu.hpp"
#include "reserve/base/fence.hpp"
#include "reserve/base/stack_trace.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <sys/prctl.h>
#include <unistd.h>

namespace mp::trace {
namespace {

template <class Word> Word load(const Word &word)
{
	return std::atomic_ref(const_cast<Word &>(word)).load(std::memory_order_relaxed);
}
template <class Word> void store(Word &word, Word value)
{
	std::atomic_ref(word).store(value, std::memory_order_relaxed);
}
template <class Word> Word add(Word &word, Word n)
{
	return std::atomic_ref(word).fetch_add(n, std::memory_order_relaxed);
}

mempool_trace_record &place_of(const session &s, uint32_t ring, uint64_t number)
{
	return s.records[uint64_t{ring} * s.events + (number & (s.events - 1))];
}

/// This thread's ring: a handler that interrupts its claim is the same thread, and
/// must neither take a second one nor find none.
uint32_t own_or_new_ring(session &s, uint32_t self)
{
	for (uint32_t ring = 0; ring < s.rings; ring++) {
		uint32_t owner = load(s.ring_table[ring].thread);
		if (owner == 0 && std::atomic_ref(s.ring_table[ring].thread)
					  .compare_exchange_strong(owner, self, std::memory_order_relaxed))
			owner = self;
		if (owner != self)
			continue;
		uint32_t used = load(s.header->rings_used);
		while (used <= ring && !std::atomic_ref(s.header->rings_used)
						.compare_exchange_weak(used, ring + 1, std::memory_order_relaxed)) {}
		return ring;
	}
	return no_ring;
}

/// A ring that nobody had, or one whose owner has ended.
uint32_t claim_ring(session &s)
{
	const uint32_t self = thread_id();
	if (const uint32_t ring = own_or_new_ring(s, self); ring != no_ring)
		return ring;
	for (uint32_t ring = 0; ring < s.rings; ring++) {
		uint32_t owner = load(s.ring_table[ring].thread);
		if (tgkill(getpid(), static_cast<pid_t>(owner), 0) != 0 && errno == ESRCH &&
		    std::atomic_ref(s.ring_table[ring].thread)
			    .compare_exchange_strong(owner, self, std::memory_order_relaxed))
			return ring;
	}
	add(s.header->threads_lost, uint64_t{1});
	return no_ring;
}

void write(session &s, uint32_t ring, unsigned id, uint64_t pool_stack, const uint64_t (&args)[MEMPOOL_TRACE_ARGS])
{
	const uint64_t number = add(s.ring_table[ring].head, uint64_t{1});
	mempool_trace_record &r = place_of(s, ring, number);
	store(r.stamp, uint64_t{0});
	// release: pairs with the acquire fence in read_event(), ORD-32
	base::fence(std::memory_order_release);
	store(r.time_ns, base::now_ns());
	store(r.event_cpu_thread,
	      uint64_t{id} | uint64_t{base::cpu_number() & 0xffffU} << 16 | uint64_t{this_thread.id} << 32);
	store(r.pool_stack, pool_stack);
	for (unsigned i = 0; i < MEMPOOL_TRACE_ARGS; i++)
		store(r.args[i], args[i]);
	// release: pairs with the acquire in read_event(), ORD-32
	std::atomic_ref(r.stamp).store(number + 1, std::memory_order_release);
}

/// This thread's ring; its first event says who it is.
uint32_t ring_of(session &s)
{
	if (this_thread.generation == s.generation) [[likely]]
		return this_thread.ring;
	const uint32_t ring = claim_ring(s);
	if (this_thread.generation == s.generation)
		return this_thread.ring; // a handler was faster
	this_thread.ring = ring;
	this_thread.generation = s.generation;
	if (ring != no_ring) {
		char name[MEMPOOL_TRACE_ARGS * sizeof(uint64_t)] = {};
		prctl(PR_GET_NAME, name);
		uint64_t args[MEMPOOL_TRACE_ARGS];
		memcpy(args, name, sizeof(args));
		memcpy(s.ring_table[ring].name, name, sizeof(s.ring_table[ring].name));
		write(s, ring, MEMPOOL_TRACE_THREAD, 0, args);
	}
	return ring;
}

uint64_t hash_of(const base::stack_trace &trace)
{
	uint64_t hash = 14695981039346656037U; // FNV-1a, by words
	for (uint32_t i = 0; i < trace.depth; i++)
		hash = (hash ^ reinterpret_cast<uintptr_t>(trace.pc[i])) * 1099511628211U;
	return hash == 0 ? 1 : hash;
}

/// The number of this call stack in the table; 0 when that has no place for it.
[[gnu::noinline]] uint32_t keep_stack(session &s)
{
	constexpr unsigned ours = 4; // frames: here, write_event, tell, tell_of
	constexpr uint32_t most_steps = 32;
	const base::stack_trace trace = base::stack_trace::here(ours);
	const uint64_t hash = hash_of(trace);
	for (uint32_t step = 0; step < most_steps; step++) {
		const auto i = static_cast<uint32_t>((hash + step) % s.stacks);
		mempool_trace_stack_entry &entry = s.stack_table[i];
		uint64_t there = 0;
		if (std::atomic_ref(entry.hash).compare_exchange_strong(there, hash, std::memory_order_relaxed)) {
			for (uint32_t d = 0; d < trace.depth; d++)
				store(entry.pc[d], uint64_t{reinterpret_cast<uintptr_t>(trace.pc[d])});
			// release: for who reads the file while it is written, ORD-32
			std::atomic_ref(entry.depth).store(trace.depth, std::memory_order_release);
			return i + 1;
		}
		if (there == hash)
			return i + 1;
	}
	add(s.header->stacks_lost, uint64_t{1});
	return 0;
}

} // namespace

void write_event(session &s, unsigned id, uint32_t pool, const uint64_t (&args)[MEMPOOL_TRACE_ARGS])
{
	const uint32_t ring = ring_of(s);
	if (ring == no_ring)
		return count_unplaced(&s);
	const uint64_t stack = s.stacks > 0 ? keep_stack(s) : 0;
	write(s, ring, id, pool | stack << 32, args);
}

void write_pool(session &s, const mempool_trace_pool_entry &pool)
{
	const uint32_t i = add(s.header->pools_used, 1U);
	if (i >= s.pools)
		return; // pools_used tells
	mempool_trace_pool_entry &entry = s.pool_table[i];
	entry = pool;
	entry.number = 0;
	// release: for who reads the file while it is written, ORD-32
	std::atomic_ref(entry.number).store(pool.number, std::memory_order_release);
}

bool read_event(const session &s, uint32_t ring, uint64_t number, mempool_trace_event &to)
{
	mempool_trace_record &r = place_of(s, ring, number);
	// acquire: pairs with the release in write(), ORD-32
	if (std::atomic_ref(r.stamp).load(std::memory_order_acquire) != number + 1)
		return false;
	const uint64_t who = load(r.event_cpu_thread);
	const uint64_t where = load(r.pool_stack);
	to.time_ns = load(r.time_ns);
	to.number = number;
	to.event = static_cast<uint16_t>(who);
	to.cpu = static_cast<uint16_t>(who >> 16);
	to.thread = static_cast<uint32_t>(who >> 32);
	to.pool = static_cast<uint32_t>(where);
	to.stack = static_cast<uint32_t>(where >> 32);
	for (unsigned i = 0; i < MEMPOOL_TRACE_ARGS; i++)
		to.args[i] = load(r.args[i]);
	// acquire: pairs with the release fence in write(), ORD-32
	base::fence(std::memory_order_acquire);
	return load(r.stamp) == number + 1;
}

} // namespace mp::trace
