// SPDX-License-Identifier: MIT
//
// object_debug.hpp - the checks of debugging caches: double and misplaced
// frees, red zones, poison, who took and who gave.
//
// State: each object's record and red zones, which belong to whoever has the
// object; the record's state word settles two frees at the same time.
#pragma once

#include "mempool/backing/cache.hpp"

namespace mp::backing {

/// A new slot, free from the start.
void debug_init_object(kmem_cache &cache, void *object);

/// An object was taken: is it as its last free left it? Reports, and goes on.
void debug_check_alloc(kmem_cache &cache, void *object);

/// An object comes back; false, after a report, when it must not be taken.
bool debug_check_free(kmem_cache &cache, void *object);

/// Is the object handed out now? Only for caches with records.
bool debug_is_live(const kmem_cache &cache, void *object);

} // namespace mp::backing
