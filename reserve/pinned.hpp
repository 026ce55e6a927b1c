// SPDX-License-Identifier: MIT
//
// pinned.hpp - memory for the library's own structures, each block a mapping of
// its own.
//
// Pinned is what the emergency path touches: resident (residency.hpp). Of the
// rest, which is touched when memory is there, the pages only exist.
//
// Race table: all calls may run together.
#pragma once

#include "reserve/base/page_look.hpp"

#include <cstddef>

namespace mp::reserve {

/// Zeroed, resident memory of at least `bytes`, aligned to a cache line; nullptr
/// when it cannot be had, or not be made present.
void *pinned_alloc(size_t bytes);

/// Gives a block back, with the size it was asked for; nullptr does nothing.
void pinned_free(void *block, size_t bytes);

/// Why a block is not locked, as an errno; 0: it is.
int pinned_lock_error(const void *block);
/// Adds what the kernel knows of its pages now.
void look_at_pinned(const void *block, const base::page_look &at, base::page_counts &to);

/// As pinned_alloc(), for what no emergency touches: not locked, aligned to a page.
void *present_alloc(size_t bytes);
void present_free(void *block, size_t bytes);

} // namespace mp::reserve
