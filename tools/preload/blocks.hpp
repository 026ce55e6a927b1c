// SPDX-License-Identifier: MIT
//
// blocks.hpp - which blocks are live: for double frees, foreign frees and leaks.
//
// A hash table in memory of our own, in parts that have a lock each. A freed
// block's entry stays, until its address is given out again.
//
// Owner of the state: this process; a forked child goes on with its copy.
// Race table: all calls may run together. What a signal handler that interrupted
// one of them in the same thread allocates becomes a stray; frees by it, of what is
// none, pass by, and from then on wrong frees are not reported, which is told.
#pragma once

#include "tools/preload/recall.hpp"
#include "tools/preload/state.hpp"

namespace mp::preload {

struct block {
	block *below; // in its bucket
	uintptr_t start;
	uint64_t bytes;
	uint32_t allocated_by; // index + 1 in the table of stacks; 0: not known
	uint32_t freed_by;
	bool live;
};

/// A block was given out.
void note_block(void *start, size_t bytes, uint32_t stack);

/// The same before it is known whether anything is to be watched.
void note_stray(void *start);

/// May the program free it (or, with `resize`, hand it to realloc)? If not, that is recorded.
/// Else it does not count as live, or as a stray, any more.
enum class verdict : uint32_t { hand_on, hand_on_stray, refuse };
verdict note_free(void *start, bool resize, call_site site);
verdict note_stray_free(void *start);

/// The realloc() that this was said of has failed: it is as it was.
void note_kept(void *start, verdict before);

/// Has something happened that the table does not know of, so that wrong frees are not reported?
bool is_blind();

/// Shows all entries, while nothing may change.
void each_block(void (*visit)(const block &entry, void *arg), void *arg);

/// Around fork().
void lock_blocks();
void unlock_blocks();

} // namespace mp::preload
