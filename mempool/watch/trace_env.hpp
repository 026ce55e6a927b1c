// SPDX-License-Identifier: MIT
//
// trace_env.hpp - MEMPOOL_TRACE, MEMPOOL_TRACE_OPTIONS and MEMPOOL_PROBES, read
// once when the library is loaded. See mempool-trace.h.
//
// No state of its own.
#pragma once

#include "mempool/watch/trace_file.hpp"

namespace mp::trace {

/// What a text of MEMPOOL_TRACE_OPTIONS asks for, completed. False, after a report, when it makes no sense.
[[nodiscard]] bool parse_settings(const char *text, settings &to);

} // namespace mp::trace
