// SPDX-License-Identifier: MIT
//
// rcu.hpp - liburcu-bp, with what fork and ThreadSanitizer need beside it.
//
// Threads of the host program register nothing. A thread's first read section
// may allocate, and aborts the process where that fails (FACTS.md): so read
// sections are for walkers, never for the emergency path.
#pragma once

namespace mp::base {

/// A read section for as long as the object lives. Sections nest.
class rcu_reader {
      public:
	rcu_reader();
	~rcu_reader();
	rcu_reader(const rcu_reader &) = delete;
	rcu_reader &operator=(const rcu_reader &) = delete;
};

/// Sleeps until every read section that runs now has ended. Not in a read section.
void rcu_synchronize();

void rcu_fork_prepare();
void rcu_fork_parent();
void rcu_fork_child();

} // namespace mp::base
