// SPDX-License-Identifier: MIT
//
// next.hpp - the functions that ours stand before: libc's, jemalloc's,
// tcmalloc's, a sanitizer's, whichever the loader would have taken.
//
// Owner of the state: this file; written once, in begin(), before the stage goes
// on. The cradle is what dlsym() itself gets while we ask it: its memory is never
// given back.
#pragma once

#include "tools/preload/state.hpp"

#include <csignal>
#include <cstddef>
#include <pthread.h>

namespace mp::preload {

struct next_functions {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void (*free)(void *);
	int (*posix_memalign)(void **, size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
	void *(*memalign)(size_t, size_t);
	void *(*valloc)(size_t);
	void *(*pvalloc)(size_t);
	void *(*mmap)(void *, size_t, int, int, int, off_t);
	void *(*mmap64)(void *, size_t, int, int, int, off_t);
	void *(*mremap)(void *, size_t, size_t, int, ...);
	int (*munmap)(void *, size_t);
	int (*sigaction)(int, const struct sigaction *, struct sigaction *);
	sighandler_t (*signal)(int, sighandler_t);
	int (*pthread_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	void (*exit)(int);
	void (*exit_now)(int); // _exit()
	void (*quick_exit)(int);
	bool is_sanitizer;
};
inline constinit next_functions next = {};

/// Where the next malloc() lies, unless that is libc's. What an allocator makes for itself is not the
/// program's, as when tcmalloc begins.
struct code_range {
	uintptr_t start, bytes;

	bool has(uintptr_t at) const { return at - start < bytes; }
};
inline constinit code_range allocator = {};

/// The module that this address is in.
code_range code_around(const void *at);

void find_next();

/// operators.cpp: which of C++'s operators the program, or a sanitizer, has for itself.
void find_next_operators();

/// Memory before there is any other.
void *cradle_alloc(size_t bytes, size_t alignment);
bool in_cradle(const void *block);
size_t cradle_size(const void *block);

/// May `next` be called? Else the cradle serves.
inline bool can_go_on()
{
	// acquire: pairs with the release in begin()
	if (now.load(std::memory_order_acquire) >= stage::early) [[likely]]
		return true;
	begin();
	return now.load(std::memory_order_acquire) >= stage::early;
}

inline bool is_active()
{
	return now.load(std::memory_order_relaxed) == stage::active;
}

} // namespace mp::preload
