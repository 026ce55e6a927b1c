// SPDX-License-Identifier: MIT
//
// layout.hpp - how a slot of a cache is cut up.
//
//   | left red zone | object | right red zone | link | debug record |
//
// Only the object is there in a plain cache; the link of free slots then lies
// in the object itself. It lies outside where a free object's bytes must stay
// as they are: with a constructor, with poison, and where readers may look at it (SLAB_TYPESAFE_BY_RCU).
#pragma once

#include "mempool/slab.h"

#include "reserve/base/stack_trace.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace mp::backing {

inline constexpr slab_flags_t slab_debug_flags =
	SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER;
inline constexpr slab_flags_t slab_known_flags =
	slab_debug_flags | SLAB_HWCACHE_ALIGN | SLAB_PANIC | SLAB_FAILSLAB | SLAB_TYPESAFE_BY_RCU;

/// What a debugging cache keeps with each object.
struct object_record {
	std::atomic<uint32_t> state; // object_debug.cpp knows the values
	base::stack_trace taken_by;  // the traces only with SLAB_STORE_USER
	base::stack_trace given_by;
};

struct slot_layout {
	uint32_t object_bytes;
	uint32_t align_bytes;
	uint32_t object_offset; // of the object in its slot; these below, from the object
	uint32_t link_offset;
	uint32_t record_offset; // 0: no record
	uint32_t slot_bytes;
	uint32_t order;           // of a slab
	uint32_t slots;           // in a slab
	uint32_t slot_reciprocal; // 2^32 / slot_bytes, rounded up

	/// Does an object start at this offset in a slab? Multiplies where a division
	/// would be the dearest part of a free: for a multiple of slot_bytes the
	/// quotient comes out exactly, and no other offset can pass the comparison.
	bool starts_object(size_t offset_bytes) const
	{
		const uint64_t offset = offset_bytes - object_offset; // huge when it lies before the first
		const uint64_t slot = (offset * slot_reciprocal) >> 32;
		return slot < slots && slot * slot_bytes == offset;
	}
};

/// Works the layout out; false when no slab is large enough for one slot.
bool make_layout(slot_layout &layout, unsigned size_bytes, unsigned align_bytes, slab_flags_t flags, bool has_ctor);

} // namespace mp::backing
