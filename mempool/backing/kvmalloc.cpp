// SPDX-License-Identifier: MIT
//
// kvmalloc.cpp - see kvmalloc.hpp and slab.h.
#include "mempool/backing/kvmalloc.hpp"

#include "mempool/backing/headroom.hpp"
#include "mempool/backing/kmalloc.hpp"
#include "mempool/backing/pagemap.hpp"
#include "mempool/backing/pages.hpp"
#include "mempool/backing/reclaim.hpp"
#include "mempool/backing/reclaimd.hpp"
#include "mempool/slab.h"

#include "reserve/base/mapping.hpp"
#include "reserve/pinned.hpp"

#include <cerrno>
#include <new>

namespace mp::backing {
namespace {

/// A mapping of its own, with what is counted of it.
struct mapped_region : region {
	size_t counted_bytes; // made present, and told to the headroom
};

/// Its pages exist afterwards, or there was no headroom for them.
bool make_present(mapped_region &r, gfp_t gfp_mask)
{
	headroom &room = process_headroom();
	if (!room.ask_pages(r.bytes, gfp_mask))
		return false;
	const bool present = base::populate(r.base, r.bytes);
	r.counted_bytes = present ? r.bytes : 0;
	room.pages_done(r.bytes, r.counted_bytes);
	return present;
}

/// Mappings start at a unit of the pagemap, so that their first byte is theirs alone there.
void *map_region(size_t bytes, gfp_t gfp_mask)
{
	const bool watched = process_headroom().look();
	if (watched && !process_headroom().ask_mapping(bytes, bytes, gfp_mask))
		return nullptr;
	void *control = reserve::present_alloc(sizeof(mapped_region));
	if (control == nullptr)
		return nullptr;
	void *memory = base::map_aligned(bytes, unit_bytes);
	auto *r = new (control) mapped_region{{region::kind::mapping, memory, bytes}, 0};
	if (memory == nullptr || !pagemap_set(memory, r)) {
		if (memory != nullptr)
			base::unmap_memory(memory, bytes);
		reserve::present_free(control, sizeof(mapped_region));
		return nullptr;
	}
	if (watched && !make_present(*r, gfp_mask)) {
		unmap_region(memory);
		return nullptr;
	}
	return memory;
}

} // namespace

void unmap_region(void *memory)
{
	auto *r = static_cast<mapped_region *>(pagemap_find(memory));
	const size_t bytes = r->bytes;
	process_headroom().given_back(r->counted_bytes);
	static_cast<void>(pagemap_set(memory, nullptr));
	base::unmap_memory(memory, bytes);
	reserve::present_free(r, sizeof(mapped_region));
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
	if (backing::page_fault_injected((size + PAGE_SIZE - 1) >> PAGE_SHIFT, flags, nullptr)) [[unlikely]]
		return nullptr;
	// Fresh mappings are zero, so __GFP_ZERO needs no work.
	flags = current_gfp_context(flags); // PAR-34
	const auto try_once = [&] { return backing::map_region(size, flags); };
	void *memory = try_once();
	if ((flags & __GFP_KSWAPD_RECLAIM) != 0)
		backing::reclaimd_wake();
	if (memory == nullptr)
		memory = backing::after_reclaim(flags, try_once);
	if (memory == nullptr)
		errno = ENOMEM;
	return memory;
}

extern "C" void kvfree(const void *addr)
{
	backing::free_memory(addr, true, "kvfree");
}
