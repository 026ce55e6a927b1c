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

/// Gives memory back that map_memory() or map_aligned() gave, with the same size.
void unmap_memory(void *memory, size_t bytes);

/// Makes the pages exist now, so that touching them later needs no memory.
/// False when the machine cannot.
bool populate(void *memory, size_t bytes);

/// How many bytes of whole pages in the range exist already; `memory` is
/// aligned to a page. All of them when the machine cannot tell.
size_t present_bytes(const void *memory, size_t bytes);

/// Touching one page of it makes no others exist.
void keep_pages_small(void *memory, size_t bytes);

/// Asked before each mapping: false makes it fail. For tests that let the n-th
/// allocation inside the library fail; nullptr lets everything pass.
using map_gate_fn = bool(size_t bytes);
void set_map_gate(map_gate_fn *gate);

} // namespace mp::base
