// SPDX-License-Identifier: MIT
//
// strays.hpp - blocks that are given out while the table of blocks cannot be
// used: before there are orders, and while this library itself is at work, as
// when the loader makes the text of an error for us. Their free is no misuse.
//
// Owner of the state: this process; a forked child goes on with its copy. Race
// table: all calls may run together, in signal handlers too.
#pragma once

#include "tools/preload/state.hpp"

namespace mp::preload {

/// From now on this is one. False: there is no room.
bool keep_stray(uintptr_t start);

/// From now on it is none. False: it was none.
bool take_stray(uintptr_t start);

} // namespace mp::preload
