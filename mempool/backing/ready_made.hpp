// SPDX-License-Identifier: MIT
//
// ready_made.hpp - the backings that come with the library (PAR-29), as a
// table. A pool looks itself up once, when it is made.
//
// No state.
#pragma once

#include "mempool/mempool.h"

#include <cstddef>

namespace mp::backing {

struct ready_made {
	const char *name;
	mempool_alloc_t *alloc;
	mempool_free_t *free;
	/// Bytes of an element that may be written.
	size_t (*element_bytes)(void *pool_data);
	/// Why a pool cannot be made with this pool_data; nullptr when it can.
	const char *(*refusal)(void *pool_data);
};

/// The backing that these two functions are; nullptr for a user's own.
const ready_made *find_ready_made(mempool_alloc_t *alloc, mempool_free_t *free);

} // namespace mp::backing
