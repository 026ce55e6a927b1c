// SPDX-License-Identifier: MIT
//
// trace_file.hpp - the memory of a recording: how large, made, and filled with
// what does not change. See mempool-trace-file.h.
//
// No state of its own. Works without malloc, without a lock, and in a signal
// handler: the first event of a process may come in one.
#pragma once

#include "mempool/mempool-trace-file.h"
#include "mempool/mempool-trace.h"

#include <cstddef>

namespace mp::trace {

struct settings {
	uint32_t events = 0; // a power of two
	uint32_t threads = 0;
	uint32_t flags = 0;
};

inline constexpr size_t path_bytes = 4096;

/// The options, completed; nullptr: the defaults. False when they make no sense.
bool read_options(const mempool_trace_options *given, settings &to);

/// A recording's memory: mapped, all there, its header and table of events
/// written. nullptr: `error` says why, as -errno, and no file is left behind.
struct made {
	mempool_trace_header *header = nullptr;
	int error = 0;
};
made make_in_memory(const settings &how);
/// In a new file; -EEXIST when it is there already.
made make_in_file(const char *path, const settings &how);
void unmake(mempool_trace_header *header, size_t bytes);

/// A table of the recording.
template <class Entry> inline Entry *table(mempool_trace_header *header, uint64_t at)
{
	return reinterpret_cast<Entry *>(reinterpret_cast<char *>(header) + at);
}

} // namespace mp::trace
