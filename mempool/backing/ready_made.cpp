// SPDX-License-Identifier: MIT
//
// ready_made.cpp - see ready_made.hpp and mempool.h.
#include "mempool/backing/ready_made.hpp"

#include "mempool/backing/cache.hpp"
#include "mempool/backing/kmalloc.hpp"
#include "mempool/backing/pages.hpp"

#include "reserve/base/report.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace mp::backing {
namespace {

size_t size_in(void *pool_data)
{
	return reinterpret_cast<size_t>(pool_data);
}

size_t slab_bytes(void *pool_data)
{
	return kmem_cache_size(static_cast<kmem_cache *>(pool_data));
}

const char *slab_refusal(void *pool_data)
{
	const auto *cache = static_cast<kmem_cache *>(pool_data);
	if (cache == nullptr)
		return "there is no cache";
	return cache->ctor != nullptr ? "the cache has a constructor" : nullptr;
}

const char *kmalloc_refusal(void *pool_data)
{
	return kmalloc_roundup(size_in(pool_data)) == 0 ? "the element size must be 1 byte to KMALLOC_MAX_SIZE"
							: nullptr;
}

const char *kvmalloc_refusal(void *pool_data)
{
	return size_in(pool_data) == 0 || size_in(pool_data) > PTRDIFF_MAX ? "the element size is 0 or impossible"
									   : nullptr;
}

size_t page_bytes(void *pool_data)
{
	return block_bytes(static_cast<unsigned>(size_in(pool_data)));
}

const char *page_refusal(void *pool_data)
{
	return size_in(pool_data) > max_order ? "the order must be 0 to MAX_PAGE_ORDER" : nullptr;
}

kmem_cache *slab_cache(void *pool_data)
{
	return static_cast<kmem_cache *>(pool_data);
}

kmem_cache *kmalloc_cache(void *pool_data)
{
	return kmalloc_class(size_in(pool_data));
}

kmem_cache *no_cache(void *)
{
	return nullptr;
}

placement place_in_rows(size_t bytes, size_t align_bytes)
{
	return {(bytes + align_bytes - 1) & ~(align_bytes - 1), align_bytes};
}

/// Not where each object is looked at when it comes back, nor where readers may
/// look at one that is free: the pool's memory ends with it.
placement place_slab(void *pool_data)
{
	const auto *cache = static_cast<kmem_cache *>(pool_data);
	if (cache->debugging() || (cache->flags & SLAB_TYPESAFE_BY_RCU) != 0)
		return {};
	return place_in_rows(cache->layout.slot_bytes, std::max<size_t>(cache->layout.align_bytes, 16));
}

placement place_kmalloc(void *pool_data)
{
	const kmem_cache *cache = kmalloc_class(size_in(pool_data));
	if (cache != nullptr && cache->debugging())
		return {};
	const size_t bytes = kmalloc_roundup(size_in(pool_data));
	// Powers of two at multiples of themselves (PAR-32).
	return place_in_rows(bytes, std::has_single_bit(bytes) ? std::max<size_t>(bytes, 16) : 64);
}

placement place_kvmalloc(void *pool_data)
{
	return size_in(pool_data) <= PAGE_SIZE ? place_kmalloc(pool_data)
					       : place_in_rows(size_in(pool_data), PAGE_SIZE);
}

placement place_pages(void *pool_data)
{
	return place_in_rows(page_bytes(pool_data), page_bytes(pool_data));
}

constexpr ready_made table[] = {
	{"slab", backing_kind::slab, mempool_alloc_slab, mempool_free_slab, slab_bytes, slab_refusal, slab_cache,
	 place_slab},
	{"kmalloc", backing_kind::kmalloc, mempool_kmalloc, mempool_kfree, size_in, kmalloc_refusal, kmalloc_cache,
	 place_kmalloc},
	{"kvmalloc", backing_kind::kvmalloc, mempool_kvmalloc, mempool_kvfree, size_in, kvmalloc_refusal, no_cache,
	 place_kvmalloc},
	{"pages", backing_kind::pages, mempool_alloc_pages, mempool_free_pages, page_bytes, page_refusal, no_cache,
	 place_pages},
};

} // namespace

const ready_made *find_ready_made(mempool_alloc_t *alloc, mempool_free_t *free)
{
	for (const ready_made &r : table)
		if (r.alloc == alloc && r.free == free)
			return &r;
	return nullptr;
}

sheaves *ready_elements(const ready_made *backing, void *pool_data)
{
	kmem_cache *cache = backing != nullptr ? backing->cache(pool_data) : nullptr;
	return cache != nullptr ? &cache->sheaves : nullptr;
}

sheaves *ready_room(const ready_made *backing, void *pool_data)
{
	return backing != nullptr && backing->kind == backing_kind::slab ? ready_elements(backing, pool_data) : nullptr;
}

} // namespace mp::backing

using namespace mp;

extern "C" void *mempool_alloc_slab(gfp_t gfp_mask, void *pool_data)
{
	const char *why = backing::slab_refusal(pool_data);
	if (why != nullptr) [[unlikely]] {
		base::report(base::severity::bug).line("mempool_alloc_slab: %s", why).emit();
		return nullptr;
	}
	return kmem_cache_alloc(static_cast<kmem_cache *>(pool_data), gfp_mask);
}

extern "C" void mempool_free_slab(void *element, void *pool_data)
{
	kmem_cache_free(static_cast<kmem_cache *>(pool_data), element);
}

extern "C" void *mempool_kmalloc(gfp_t gfp_mask, void *pool_data)
{
	return kmalloc(backing::size_in(pool_data), gfp_mask);
}

extern "C" void mempool_kfree(void *element, void *)
{
	kfree(element);
}

extern "C" void *mempool_kvmalloc(gfp_t gfp_mask, void *pool_data)
{
	return kvmalloc(backing::size_in(pool_data), gfp_mask);
}

extern "C" void mempool_kvfree(void *element, void *)
{
	kvfree(element);
}

extern "C" void *mempool_alloc_pages(gfp_t gfp_mask, void *pool_data)
{
	const size_t order = backing::size_in(pool_data);
	// NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel's call returns a number
	return reinterpret_cast<void *>(
		__get_free_pages(gfp_mask, order > UINT32_MAX ? UINT32_MAX : static_cast<unsigned>(order)));
}

extern "C" void mempool_free_pages(void *element, void *pool_data)
{
	free_pages(reinterpret_cast<unsigned long>(element), static_cast<unsigned>(backing::size_in(pool_data)));
}
