// SPDX-License-Identifier: MIT
//
// pinned.cpp - see pinned.hpp.
#include "reserve/pinned.hpp"

#include "reserve/base/mapping.hpp"

namespace mp::reserve {

void *pinned_alloc(size_t bytes)
{
	void *block = base::map_memory(bytes);
	if (block != nullptr && !base::populate(block, bytes)) {
		base::unmap_memory(block, bytes);
		return nullptr;
	}
	return block;
}

void pinned_free(void *block, size_t bytes)
{
	if (block != nullptr)
		base::unmap_memory(block, bytes);
}

} // namespace mp::reserve
