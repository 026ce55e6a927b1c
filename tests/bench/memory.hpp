// SPDX-License-Identifier: MIT
//
// memory.hpp - resident bytes for one live element. No state.
#pragma once

#include "lists.hpp"

namespace bench {

/// Runs this program again, to measure the peer in a process of its own. NaN when it could not. `peer` is a place in
/// the roll.
double measure_memory(const std::string &plugins, size_t peer);

/// What that process does: prints bytes per element. The exit status.
int print_memory(const roll &r, size_t peer);

} // namespace bench
