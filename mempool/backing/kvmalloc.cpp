// SPDX-License-Identifier: MIT
//
// kvmalloc.cpp - see kvmalloc.hpp and slab.h.
#include "mempool/backing/kvmalloc.hpp"

#include "mempool/backing/kmalloc.hpp"
#include "mempool/backing/pagemap.hpp"
#include "mempool/slab.h"

#include "reserve/base/mapping.hpp"
#include "reserve/pinned.hpp"

#include <cerrno>
#include <new>

namespace mp::backing {
namespace {

/// Mappings start at a unit of the pagemap, so that their first byte is theirs alone there.
void *map_region(size_t bytes)
{
	void *control = reserve::present_alloc(sizeof(region));
	if (control == nullptr)
		return nullptr;
	void *memory = base::map_aligned(bytes, unit_bytes);
	auto *r = new (control) region{region::kind::mapping, memory, bytes};
	if (memory == nullptr || !pagemap_set(memory, r)) {
		if (memory != nullptr)
			base::unmap_memory(memory, bytes);
		reserve::present_free(control, sizeof(region));
		return nullptr;
	}
	return memory;
}

} // namespace

void unmap_region(void *memory)
{
	region *r = pagemap_find(memory);
	const size_t bytes = r->bytes;
	static_cast<void>(pagemap_set(memory, nullptr));
	base::unmap_memory(memory, bytes);
	reserve::present_free(r, sizeof(region));
}

} // namespace mp::backing

using namespace mp;

extern "C" void *kvmalloc(size_t size, gfp_t flags)
{
	if (size <= KMALLOC_MAX_SIZE) {
		void *memory = kmalloc(size, flags | __GFP_NOWARN);
		if (memory != nullptr || size <= PAGE_SIZE)
			return memory;
	}
	// Fresh mappings are zero, so __GFP_ZERO needs no work.
	void *memory = backing::map_region(size);
	if (memory == nullptr)
		errno = ENOMEM;
	return memory;
}

extern "C" void kvfree(const void *addr)
{
	backing::free_memory(addr, true, "kvfree");
}
