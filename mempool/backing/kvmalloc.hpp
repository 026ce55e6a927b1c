// SPDX-License-Identifier: MIT
//
// kvmalloc.hpp - memory of any size, as a mapping of its own where kmalloc
// cannot serve.
//
// Owner of the state: the pagemap knows each mapping by its first byte.
// Race table: all calls may run together.
#pragma once

#include <cstddef>

namespace mp::backing {

/// Ends a mapping, given its first byte.
void unmap_region(void *memory);

} // namespace mp::backing
