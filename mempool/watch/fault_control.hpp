// SPDX-License-Identifier: MIT
//
// fault_control.hpp - the fault points of a running process, from outside: its
// table lies in a page (reserve/base/process_page.hpp), which other processes of
// its owner read and write. The next decision goes by what it finds there, so
// nobody has to take a setting over, and no thread of ours waits for one.
//
// A process has the page when it is asked for: MEMPOOL_CONTROL=1, MEMPOOL_FAULT, or
// a call. A forked child leaves its parent's alone, and makes one of its own
// when it comes to its first decision: one that soon executes another program makes none.
//
// Owner of the state: fault_control.cpp. Race table: all calls may run together.
#pragma once

#include <atomic>

namespace mp::watch {

extern constinit std::atomic<bool> fault_control_due;

/// Makes the page that a decision is due to make. Calls the system, allocates nothing, takes no lock.
[[gnu::cold]] void fault_control_begin();

/// The page is the parent's; the settings go on as they are.
void fault_control_after_fork_in_child();

} // namespace mp::watch
