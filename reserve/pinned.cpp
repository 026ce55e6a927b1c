// SPDX-License-Identifier: MIT
//
// pinned.cpp - see pinned.hpp. A block's range stands before it.
#include "reserve/pinned.hpp"

#include "reserve/base/cpu.hpp"
#include "reserve/base/mapping.hpp"
#include "reserve/residency.hpp"

#include <cerrno>
#include <memory>

namespace mp::reserve {
namespace {

constexpr size_t head_bytes = base::cache_line_bytes;
static_assert(sizeof(resident_range) <= head_bytes);

resident_range &range_of(const void *block)
{
	return *reinterpret_cast<resident_range *>(static_cast<char *>(const_cast<void *>(block)) - head_bytes);
}

} // namespace

void *pinned_alloc(size_t bytes)
{
	if (bytes > SIZE_MAX - head_bytes)
		return nullptr;
	bytes += head_bytes;
	void *start = base::map_memory(bytes);
	if (start == nullptr)
		return nullptr;
	// Before anything is written there: populating fails where a touch would stall.
	if (!base::populate(start, bytes)) {
		base::unmap_memory(start, bytes);
		return nullptr;
	}
	auto *range = std::construct_at(static_cast<resident_range *>(start));
	range->start = start;
	range->bytes = bytes;
	if (make_resident(*range))
		return static_cast<char *>(start) + head_bytes;
	base::unmap_memory(start, bytes);
	return nullptr;
}

void pinned_free(void *block, size_t bytes)
{
	if (block == nullptr)
		return;
	resident_range &range = range_of(block);
	forget_resident(range);
	base::unmap_memory(range.start, bytes + head_bytes);
}

int pinned_lock_error(const void *block)
{
	const resident_range &range = range_of(block);
	return range.is_lost() ? EFAULT : range.lock_error;
}

void look_at_pinned(const void *block, const base::page_look &at, base::page_counts &to)
{
	const resident_range &range = range_of(block);
	at.count(range.start, range.bytes, to);
}

void *present_alloc(size_t bytes)
{
	void *block = base::map_memory(bytes);
	if (block != nullptr && !base::populate(block, bytes)) {
		base::unmap_memory(block, bytes);
		return nullptr;
	}
	return block;
}

void present_free(void *block, size_t bytes)
{
	if (block != nullptr)
		base::unmap_memory(block, bytes);
}

} // namespace mp::reserve
