// SPDX-License-Identifier: MIT
//
// leaks.hpp - at the process's end: which blocks are live, and which of them
// nothing points to any more.
//
// A word in the program's writable memory that could be an address within a live
// block counts as a pointer to it, and so do the words of the blocks found in this way.
//
// Owner of the state: the caller. Race table: one thread, once; others may still
// run, so what they do meanwhile may be missed.
#pragma once

#include "tools/preload/state.hpp"

namespace mp::preload {

void check_leaks();

} // namespace mp::preload
