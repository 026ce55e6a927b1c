// SPDX-License-Identifier: MIT
//
// mapping.hpp - memory from the operating system. Every byte that the library
// uses for itself or hands out comes through here.
//
// Race table: all calls may run together.
#pragma once

#include <cstddef>

namespace mp::base {

/// Zeroed memory, readable and writable, for this process alone; nullptr when
/// none is to be had. `bytes` is rounded up to whole pages.
void *map_memory(size_t bytes);

/// As map_memory(), at a multiple of `align_bytes` (a power of two).
void *map_aligned(size_t bytes, size_t align_bytes);

/// Zeroed memory, or the file's, that forked processes share; `fd` -1: no file.
/// nullptr, with errno, when it cannot be had.
void *map_shared(int fd, size_t bytes);

/// Gives memory back that map_memory(), map_aligned() or map_shared() gave, with the same size.
void unmap_memory(void *memory, size_t bytes);

/// Makes the pages exist now and writable, so that touching them later needs no
/// memory. What is in them stays, whoever writes to them meanwhile. False, with
/// errno, when the machine cannot.
bool populate(void *memory, size_t bytes);

/// Keeps the pages in memory until they are unmapped, and makes them exist.
/// False, with errno: EPERM (RLIMIT_MEMLOCK is 0), ENOMEM (beyond it, or no memory), EAGAIN.
bool lock_pages(void *memory, size_t bytes);

/// What becomes of a mapping in a child: a copy, nothing, or zeroes.
enum class at_fork { copy, leave_out, wipe };
/// False, with errno, when this kernel cannot.
bool set_at_fork(void *memory, size_t bytes, at_fork what);

/// Nobody merges the pages with others that look the same (KSM). False when
/// some are merged already, and there is no memory for copies.
bool keep_unmerged(void *memory, size_t bytes);

/// The NUMA node to take the pages from, if it has any to give; before they exist.
void prefer_node(void *memory, size_t bytes, int node);

/// Pages that are not in memory now, of those that `bytes` from `memory` lie in;
/// all of them when the kernel will not say. Asks for up to 2 MiB at a time.
size_t count_missing_pages(const void *memory, size_t bytes);

size_t machine_page_bytes();

/// How many bytes of whole pages in the range exist already; `memory` is
/// aligned to a page. None when the machine cannot tell.
size_t present_bytes(const void *memory, size_t bytes);

/// Touching one page of it makes no others exist.
void keep_pages_small(void *memory, size_t bytes);

/// Asked before each mapping: false makes it fail. For tests that let the n-th
/// allocation inside the library fail; nullptr lets everything pass.
using map_gate_fn = bool(size_t bytes);
void set_map_gate(map_gate_fn *gate);

} // namespace mp::base
