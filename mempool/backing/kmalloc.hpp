// SPDX-License-Identifier: MIT
//
// kmalloc.hpp - size classes: which cache serves how many bytes.
//
// Owner of the state: kmalloc.cpp; caches are made at first use and stay.
// Race table: all calls may run together; two threads that make a class at the
// same time settle it by one compare-and-swap.
#pragma once

#include <cstddef>

struct kmem_cache;

namespace mp::backing {

/// The bytes that kmalloc(size) really gives; 0 when it is too large.
size_t kmalloc_roundup(size_t size_bytes);

/// The cache that serves this size; nullptr when none does, or it cannot be made.
kmem_cache *kmalloc_class(size_t size_bytes);

/// Gives back what lies at `object`, of whatever kind; a wrong address is
/// reported under the caller's name. Mappings are refused unless `mappings`.
void free_memory(const void *object, bool mappings, const char *caller);

} // namespace mp::backing
