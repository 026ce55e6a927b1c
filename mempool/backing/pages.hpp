// SPDX-License-Identifier: MIT
//
// pages.hpp - blocks of 2^order pages of 4096 bytes, from chunks of 4 MiB that
// are split and merged as buddies. What slabs, page pools and large kmalloc
// stand on.
//
// A block is aligned to its size. Its description lies in the chunk's header,
// not in the block: free memory is not touched, and a wrong free cannot harm
// the allocator's own structures.
//
// Owner of the state: pages.cpp. Race table: all calls may run together; one
// lock, held for some hundred instructions, never while memory is mapped.
#pragma once

#include "mempool/gfp.h"
#include "mempool/slab.h"

#include <cstddef>
#include <cstdint>

namespace mp::backing {

struct slab; // a block that holds objects; see slab.hpp

inline constexpr unsigned max_order = MAX_PAGE_ORDER;
/// A slab's block has at least this order: it bounds the descriptors in a chunk.
inline constexpr unsigned min_slab_order = 2;
inline constexpr size_t slab_descriptor_bytes = 64;

constexpr size_t block_bytes(unsigned order)
{
	return PAGE_SIZE << order;
}

/// The smallest order whose block has `bytes`; max_order + 1 when none has.
unsigned order_for(size_t bytes);

/// Shall so many pages not be had, by fail_page_alloc (PAR-38)? Then errno is
/// ENOMEM. `cache_name`: of the cache that wants them; nullptr: none.
bool page_fault_injected(size_t pages, gfp_t gfp_mask, const char *cache_name);

/// A block for the caller; nullptr with errno ENOMEM. Sleeps only for
/// __GFP_NOFAIL, which also wants __GFP_DIRECT_RECLAIM.
void *pages_alloc(unsigned order, gfp_t gfp_mask);

/// A block whose pages answer to `slab_at()`; its descriptor is zeroed.
slab *pages_alloc_slab(unsigned order, gfp_t gfp_mask, void **block, const char *cache_name);

/// Gives a block back. It must be one, which block_at() tells.
void pages_free(void *block, unsigned order);

/// What lies at an address.
struct block_info {
	enum class kind { nothing, free_memory, pages, slab, mapping };
	kind what = kind::nothing;
	void *base = nullptr; // the first byte of the block
	size_t bytes = 0;
	unsigned order = 0;
	backing::slab *in_slab = nullptr;
};

/// Looks an address up, for frees. A race with a free of the same block gives
/// any of its states.
block_info block_at(const void *address);

/// Bytes mapped for chunks now.
size_t pages_mapped_bytes();

} // namespace mp::backing
