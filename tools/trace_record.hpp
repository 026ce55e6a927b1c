// SPDX-License-Identifier: MIT
//
// trace_record.hpp - runs a command with MEMPOOL_TRACE set, and says what was
// recorded of it and of its children.
#pragma once

#include "tools/trace.hpp"

namespace trace {

/// The exit status of the command, 128 + N when signal N ended it; 126 and 127 as
/// shells say it. Throws failure with status 125 when it was not started.
int record(const options &wanted);

} // namespace trace
