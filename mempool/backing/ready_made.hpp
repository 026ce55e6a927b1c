// SPDX-License-Identifier: MIT
//
// ready_made.hpp - the backings that come with the library (PAR-29), as a
// table. A pool looks itself up once, when it is made.
//
// No state.
#pragma once

#include "mempool/backing/sheaves.hpp"
#include "mempool/mempool.h"

#include <cstddef>

namespace mp::backing {

enum class backing_kind { users_own, slab, kmalloc, kvmalloc, pages };

struct placement {
	size_t stride_bytes = 0;
	size_t align_bytes = 0; // a power of two
};

struct ready_made {
	const char *name;
	backing_kind kind;
	mempool_alloc_t *alloc;
	mempool_free_t *free;
	/// Bytes of an element that may be written.
	size_t (*element_bytes)(void *pool_data);
	/// Why a pool cannot be made with this pool_data; nullptr when it can.
	const char *(*refusal)(void *pool_data);
	/// The cache that serves such a pool; nullptr for none.
	kmem_cache *(*cache)(void *pool_data);
	/// How elements lie in memory of the pool's own; no stride where they must come from the backing.
	placement (*placing)(void *pool_data);
};

// Calls of a pool's backing: the compiler sees where those of ready-made ones go.
inline void *call_alloc(backing_kind kind, mempool_alloc_t *alloc, gfp_t gfp_mask, void *pool_data)
{
	switch (kind) {
	case backing_kind::slab:
		return mempool_alloc_slab(gfp_mask, pool_data);
	case backing_kind::kmalloc:
		return mempool_kmalloc(gfp_mask, pool_data);
	case backing_kind::kvmalloc:
		return mempool_kvmalloc(gfp_mask, pool_data);
	case backing_kind::pages:
		return mempool_alloc_pages(gfp_mask, pool_data);
	case backing_kind::users_own:
		break;
	}
	return alloc(gfp_mask, pool_data);
}

inline void call_free(backing_kind kind, mempool_free_t *free, void *element, void *pool_data)
{
	switch (kind) {
	case backing_kind::slab:
		return mempool_free_slab(element, pool_data);
	case backing_kind::kmalloc:
		return mempool_kfree(element, pool_data);
	case backing_kind::kvmalloc:
		return mempool_kvfree(element, pool_data);
	case backing_kind::pages:
		return mempool_free_pages(element, pool_data);
	case backing_kind::users_own:
		break;
	}
	free(element, pool_data);
}

/// Where elements of a pool lie ready: in its cache's sheaves, or nowhere (nullptr).
sheaves *ready_elements(const ready_made *backing, void *pool_data);

/// Where they go back to without a look at them. Not those of a kmalloc pool,
/// which may be of another size class: kfree() finds out.
sheaves *ready_room(const ready_made *backing, void *pool_data);

/// The backing that these two functions are; nullptr for a user's own.
const ready_made *find_ready_made(mempool_alloc_t *alloc, mempool_free_t *free);

} // namespace mp::backing
