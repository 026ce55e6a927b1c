// SPDX-License-Identifier: MIT
//
// pinned.hpp - memory for the library's own structures: present from the start,
// so that the emergency path touches nothing that would have to be found then.
//
// Each block is a mapping of its own. Locking it and keeping it through fork
// and memory cgroups come with the residency certificate, behind these calls.
//
// Race table: all calls may run together.
#pragma once

#include <cstddef>

namespace mp::reserve {

/// Zeroed, populated memory of at least `bytes`, aligned to a page; nullptr
/// when it cannot be had, or not be made present.
void *pinned_alloc(size_t bytes);

/// Gives a block back, with the size it was asked for; nullptr does nothing.
void pinned_free(void *block, size_t bytes);

} // namespace mp::reserve
