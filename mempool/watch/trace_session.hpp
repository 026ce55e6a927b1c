// SPDX-License-Identifier: MIT
//
// trace_session.hpp - a recording: which one there is, and its beginning and end.
//
// It begins by a call, or is armed: by the environment, or in a forked child.
// Then the first event makes the file, so that a process without pools, or a
// child that soon executes another program, leaves none. Who makes it calls the
// system, and nothing that allocates or locks.
//
// Owner of the state: trace_session.cpp.
// Race table:
//   start, stop, read / the same   recording_lock
//   record / start, stop           in_flight, ORD-30: stop waits for those who may
//                                  still write; what was recorded stays mapped
//   record / record                the rings' own (trace_ring.hpp); one of them
//                                  begins an armed recording
//   fork                           the child forgets who was in flight
#pragma once

#include "mempool/watch/trace_file.hpp"

#include "reserve/base/counted_lock.hpp"

#include <atomic>

namespace mp::trace {

/// Where a recording's tables are; sizes are kept here, as anybody may write to the file.
struct session {
	mempool_trace_header *header = nullptr;
	mempool_trace_pool_entry *pool_table = nullptr;
	mempool_trace_stack_entry *stack_table = nullptr;
	mempool_trace_ring_entry *ring_table = nullptr;
	mempool_trace_record *records = nullptr;
	uint32_t pools = 0;
	uint32_t stacks = 0;
	uint32_t rings = 0;
	uint32_t events = 0; // per ring
	uint64_t generation = 0;
	size_t bytes = 0;
};

/// What a thread knows of itself.
struct thread_state {
	uint64_t generation; // of the recording that `ring` is of
	uint32_t ring;
	uint32_t id;          // as gettid() says
	unsigned process;     // which process that was asked in, counting forks
	unsigned depth;       // events that it is writing: handlers interrupt it
	unsigned stripe_plus; // of in_flight, plus 1; 0: none yet
};
extern constinit thread_local thread_state this_thread;
inline constexpr uint32_t no_ring = UINT32_MAX;

uint32_t thread_id();

/// While it lives, the recording that it names stays.
class in_flight {
      public:
	in_flight();
	~in_flight();
	in_flight(const in_flight &) = delete;
	in_flight &operator=(const in_flight &) = delete;

	/// The recording; an armed one begins. nullptr: there is none.
	session *recording() const;
};

/// 0 or -errno. Replaces the file; nullptr: in memory.
int start(const char *path, const settings &how);
/// False when nothing is being recorded.
bool stop();
/// The next event begins a recording in this file, or in one named after it.
/// False when the path is too long.
bool arm(const char *path, const settings &how);

/// For readers: the current recording or the last one, to which the lock must be held.
extern constinit base::counted_lock recording_lock;
session *readable();

/// Events of threads that found no ring are counted here.
void count_unplaced(session *s);

} // namespace mp::trace
