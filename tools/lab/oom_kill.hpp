// SPDX-License-Identifier: MIT
//
// oom_kill.hpp - two children in a memory cgroup of their own, one after the other:
// what becomes of each when it takes more memory than there is.
#pragma once

#include <cstdint>

namespace tools {
class memory_cgroup;
}

namespace lab {

constexpr uint64_t small_limit_bytes = uint64_t{32} << 20;
constexpr int64_t wanted_pages = 16384; // twice as much
constexpr int certified_pages = 64;

/// What a child told before it ended, as of its last word.
struct child_story {
	int64_t promised = 0;     // pages that it was given, or may map
	int64_t written = 0;      // of those, to each byte
	int64_t from_reserve = 0; // of those
	int64_t faults = 0;       // page faults while it wrote to those of the reserve
	bool told_no = false;     // it got NULL
	bool joined = false;      // the cgroup took it
	bool guaranteed = false;  // its certificate's verdict
	unsigned doubts = 0;      // enum mempool_doubt
};

struct child_end {
	child_story story;
	int killed_by = 0;      // a signal; 0: it ended by itself
	int exit_status = 0;    // -1: a signal ended it
	uint64_t oom_kills = 0; // of the cgroup, meanwhile
};

/// Touches page after page, without a library.
child_end without_reserve(const tools::memory_cgroup &inside);
/// Takes pages from a pool with a certified reserve, and writes to each.
child_end with_reserve(const tools::memory_cgroup &inside);

} // namespace lab
