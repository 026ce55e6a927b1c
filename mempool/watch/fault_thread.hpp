// SPDX-License-Identifier: MIT
//
// fault_thread.hpp - a thread's part in fault injection: its nth, its scopes,
// its counts, and who it is, as far as a seed is concerned.
//
// Owner of the state: each thread. No locks, no races; a signal handler is in
// its thread, and comes between two decisions or, in the scope of one, is spared.
#pragma once

#include "mempool/watch/fault_decision.hpp"
#include "mempool/watch/fault_table.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mp::watch {

/// What a thread has; here, so that it is reached without a call.
struct fault_thread_state {
	fault_thread thread;
	unsigned scope_depth;
	bool quiet;
	mempool_fault_hit last; // no point: none
	char name[32];          // "": not found out yet
	uint32_t counts[fault_slots];
};
extern constinit thread_local fault_thread_state fault_mine;

/// Finds out what the thread is called, and its identity.
void fault_find_name();

/// With its identity, which is found out when it is first asked for.
inline fault_thread &this_fault_thread()
{
	if (fault_mine.name[0] == 0) [[unlikely]]
		fault_find_name();
	return fault_mine.thread;
}

/// How often this thread came as far as a draw, at the point in that slot.
inline uint32_t &fault_count_of(size_t slot)
{
	return fault_mine.counts[slot];
}

/// What this thread is called in reports.
const char *fault_thread_name();

/// Does it want no reports?
bool fault_thread_quiet();

/// Keeps what mempool_fault_last() tells, with the caller's stack.
void note_fault(std::string_view point, const char *name, size_t size, uint64_t seed, uint32_t count);

/// Has any thread set its nth?
bool fault_threads_count();

/// Nothing is injected in it.
class fault_scope {
      public:
	fault_scope() : depth_before_(fault_mine.scope_depth) { fault_mine.scope_depth = depth_before_ + 1; }
	fault_scope(const fault_scope &) = delete;
	fault_scope &operator=(const fault_scope &) = delete;
	~fault_scope() { fault_mine.scope_depth = depth_before_; }

	/// Was there no other around it?
	bool may_inject() const { return depth_before_ == 0; }

      private:
	unsigned depth_before_;
};

} // namespace mp::watch
