// SPDX-License-Identifier: MIT
//
// threads.hpp - who a thread is: its path of creation, which is the same in each
// run, and its record.
//
// Owner of the state: each thread its own. Race table: all calls may run together.
#pragma once

#include "tools/preload/state.hpp"

namespace mp::preload {

/// "main", anew in a forked child: whoever forked is the only thread there.
void name_main_thread();

/// A stack for handlers of fatal signals, so that an overflow of the ordinary one can be recorded.
void use_signal_stack(void *memory, size_t bytes);

} // namespace mp::preload
