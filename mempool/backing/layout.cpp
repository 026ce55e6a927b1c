// SPDX-License-Identifier: MIT
//
// layout.cpp - see layout.hpp.
#include "mempool/backing/layout.hpp"

#include "mempool/backing/pages.hpp"

#include "reserve/base/cpu.hpp"

#include <algorithm>
#include <cstddef>

namespace mp::backing {
namespace {

constexpr uint64_t align_up(uint64_t n, uint64_t align)
{
	return (n + align - 1) & ~(align - 1);
}

unsigned effective_align(unsigned size_bytes, unsigned align_bytes, slab_flags_t flags)
{
	unsigned align = align_bytes;
	if (align == 0)
		align = size_bytes >= 16 ? 16 : 8;
	if ((flags & SLAB_HWCACHE_ALIGN) != 0) {
		// A small object does not get a cache line to itself, but none straddles two.
		unsigned line = base::cache_line_bytes;
		while (size_bytes <= line / 2)
			line /= 2;
		align = std::max(align, line);
	}
	return std::max<unsigned>(align, sizeof(void *)); // the link
}

/// Slots of whole pages would all begin in the same few sets of the CPU's caches
/// (SPEED.md: 10 ns instead of 2.7): such a stride becomes a line longer, unless
/// an alignment was asked for, or the slots are so large that it costs memory.
uint64_t coloured(uint64_t slot_bytes, unsigned align_bytes)
{
	const bool worth_it = slot_bytes % PAGE_SIZE == 0 && slot_bytes <= 4 * PAGE_SIZE;
	return worth_it && align_bytes <= base::cache_line_bytes ? slot_bytes + base::cache_line_bytes : slot_bytes;
}

/// The order of a slab: enough slots that slabs are not exchanged all the
/// time, and little memory left over at the end.
bool choose_order(slot_layout &layout)
{
	constexpr unsigned largest_usual = 5;
	constexpr size_t slots_wanted = 32;
	const size_t slot = layout.slot_bytes;
	unsigned order = min_slab_order;
	while (order < largest_usual &&
	       (block_bytes(order) / slot < slots_wanted || block_bytes(order) % slot > block_bytes(order) / 16))
		order++;
	while (order < max_order && block_bytes(order) < slot)
		order++;
	layout.order = order;
	layout.slots = static_cast<uint32_t>(block_bytes(order) / slot);
	return layout.slots > 0;
}

} // namespace

bool make_layout(slot_layout &layout, unsigned size_bytes, unsigned align_bytes, slab_flags_t flags, bool has_ctor)
{
	const unsigned align = effective_align(size_bytes, align_bytes, flags);
	const bool zones = (flags & SLAB_RED_ZONE) != 0;
	// A link in an object that is smaller would lie on its red zone.
	const bool link_outside = has_ctor || (flags & (SLAB_POISON | SLAB_TYPESAFE_BY_RCU)) != 0 ||
				  (zones && size_bytes < sizeof(void *));

	layout = {};
	layout.object_bytes = size_bytes;
	layout.align_bytes = align;
	layout.object_offset = zones ? std::max<unsigned>(align, sizeof(uint64_t)) : 0;

	// At least one word of red zone, and whatever alignment adds to it.
	uint64_t end = align_up(uint64_t{size_bytes} + (zones ? sizeof(uint64_t) : 0), alignof(object_record));
	if (link_outside) {
		layout.link_offset = static_cast<uint32_t>(end);
		end += sizeof(void *);
	}
	if ((flags & slab_debug_flags) != 0) {
		layout.record_offset = static_cast<uint32_t>(end);
		end += (flags & SLAB_STORE_USER) != 0 ? sizeof(object_record) : offsetof(object_record, taken_by);
	}
	const uint64_t slot =
		coloured(align_up(layout.object_offset + std::max<uint64_t>(end, sizeof(void *)), align), align);
	if (slot > block_bytes(max_order))
		return false;
	layout.slot_bytes = static_cast<uint32_t>(slot);
	layout.slot_reciprocal = static_cast<uint32_t>(((uint64_t{1} << 32) + slot - 1) / slot);
	return choose_order(layout);
}

} // namespace mp::backing
