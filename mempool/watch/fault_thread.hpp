// SPDX-License-Identifier: MIT
//
// fault_thread.hpp - a thread's part in fault injection: its nth, its scopes,
// its counts, and who it is, as far as a seed is concerned.
//
// Owner of the state: each thread. No locks, no races; a signal handler is in
// its thread, and comes between two decisions or, in the scope of one, is spared.
#pragma once

#include "mempool/watch/fault_decision.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mp::watch {

/// With its identity, which is found out when it is first asked for.
fault_thread &this_fault_thread();

/// How often this thread came as far as a draw, at the point in that slot.
uint32_t &fault_count_of(size_t slot);

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
	fault_scope();
	fault_scope(const fault_scope &) = delete;
	fault_scope &operator=(const fault_scope &) = delete;
	~fault_scope();

	/// Was there no other around it?
	bool may_inject() const { return outermost_; }

      private:
	bool outermost_;
};

} // namespace mp::watch
