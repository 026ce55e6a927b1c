// SPDX-License-Identifier: MIT
//
// kmalloc.cpp - see kmalloc.hpp and slab.h.
#include "mempool/backing/kmalloc.hpp"

#include "mempool/backing/cache.hpp"
#include "mempool/backing/kvmalloc.hpp"
#include "mempool/backing/pages.hpp"

#include "reserve/base/report.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace mp::backing {
namespace {

struct size_class {
	unsigned bytes;
	const char *name;
};

constexpr size_class classes[] = {
	{8, "kmalloc-8"},     {16, "kmalloc-16"},   {32, "kmalloc-32"},   {64, "kmalloc-64"},   {96, "kmalloc-96"},
	{128, "kmalloc-128"}, {192, "kmalloc-192"}, {256, "kmalloc-256"}, {512, "kmalloc-512"}, {1024, "kmalloc-1k"},
	{2048, "kmalloc-2k"}, {4096, "kmalloc-4k"}, {8192, "kmalloc-8k"},
};
constexpr unsigned class_count = sizeof(classes) / sizeof(classes[0]);
constexpr size_t largest_class_bytes = classes[class_count - 1].bytes;

constexpr unsigned class_of(size_t size_bytes)
{
	unsigned i = 0;
	while (classes[i].bytes < size_bytes)
		i++;
	return i;
}

/// Sizes up to 192 bytes by a table, a step of 8 bytes an entry.
struct small_table {
	static constexpr size_t limit_bytes = 192;
	uint8_t index[limit_bytes / 8 + 1];
	constexpr small_table() : index{}
	{
		for (size_t i = 0; i <= limit_bytes / 8; i++)
			index[i] = static_cast<uint8_t>(class_of(i * 8));
	}
};
constexpr small_table small_classes;

unsigned fast_class_of(size_t size_bytes)
{
	if (size_bytes <= small_table::limit_bytes)
		return small_classes.index[(size_bytes + 7) / 8];
	// The classes above are the powers of two from 256 on.
	return class_of(256) + static_cast<unsigned>(std::bit_width((size_bytes - 1) >> 8));
}
static_assert(class_of(largest_class_bytes) == class_of(256) + 5);

constinit std::atomic<kmem_cache *> caches[class_count] = {};

kmem_cache *make_class(unsigned index)
{
	if (base::holds_locks()) {
		errno = ENOMEM; // a handler that may have interrupted the making of a cache
		return nullptr;
	}
	const size_class &c = classes[index];
	// A power of two is aligned to itself (PAR-32).
	const unsigned align = std::has_single_bit(c.bytes) ? c.bytes : 0;
	kmem_cache *fresh = create_cache(c.name, c.bytes, align, 0, nullptr);
	kmem_cache *present = nullptr;
	// release: pairs with the acquire in class_cache(), ORD-8
	if (fresh == nullptr ||
	    caches[index].compare_exchange_strong(present, fresh, std::memory_order_acq_rel, std::memory_order_acquire))
		return fresh;
	abandon_cache(*fresh); // another thread was first
	return present;
}

kmem_cache *class_cache(unsigned index)
{
	// acquire: pairs with the release in make_class(), ORD-8
	kmem_cache *cache = caches[index].load(std::memory_order_acquire);
	return cache != nullptr ? cache : make_class(index);
}

void *allocate(size_t size_bytes, gfp_t flags)
{
	if (size_bytes == 0)
		return ZERO_SIZE_PTR;
	if (size_bytes <= largest_class_bytes) {
		kmem_cache *cache = class_cache(fast_class_of(size_bytes));
		return cache != nullptr ? kmem_cache_alloc(cache, flags) : nullptr;
	}
	if (size_bytes <= KMALLOC_MAX_SIZE)
		return pages_alloc(order_for(size_bytes), flags);

	static constinit std::atomic<bool> given{false};
	if ((flags & __GFP_NOWARN) == 0 && base::first_time(given))
		base::report(base::severity::warning)
			.line("kmalloc of %zu bytes: the largest is %zu; kvmalloc has no such limit", size_bytes,
			      static_cast<size_t>(KMALLOC_MAX_SIZE))
			.emit();
	errno = ENOMEM;
	return nullptr;
}

const char *why_not_freed(const block_info &info, const void *memory)
{
	switch (info.what) {
	case block_info::kind::nothing:
		return "it was never allocated here";
	case block_info::kind::free_memory:
		return "it lies in memory that is free already";
	case block_info::kind::mapping:
		if (info.base == memory)
			return "kvmalloc() gave it, so kvfree() takes it back";
		break;
	case block_info::kind::pages:
	case block_info::kind::slab:
		break;
	}
	return "it points into an allocation, not at one";
}

} // namespace

size_t kmalloc_roundup(size_t size_bytes)
{
	if (size_bytes == 0 || size_bytes > KMALLOC_MAX_SIZE)
		return 0;
	return size_bytes <= largest_class_bytes ? classes[fast_class_of(size_bytes)].bytes
						 : block_bytes(order_for(size_bytes));
}

kmem_cache *kmalloc_class(size_t size_bytes)
{
	return size_bytes == 0 || size_bytes > largest_class_bytes ? nullptr : class_cache(fast_class_of(size_bytes));
}

void free_memory(const void *object, bool mappings, const char *caller)
{
	if (ZERO_OR_NULL_PTR(object))
		return;
	auto *memory = const_cast<void *>(object);
	const block_info info = block_at(memory);
	switch (info.what) {
	case block_info::kind::slab:
		if (!is_object(*info.in_slab->cache, info, memory))
			break;
		free_object(*info.in_slab->cache, memory);
		return;
	case block_info::kind::pages:
		if (info.base != memory)
			break;
		pages_free(memory, info.order);
		return;
	case block_info::kind::mapping:
		if (info.base != memory || !mappings)
			break;
		unmap_region(memory);
		return;
	case block_info::kind::free_memory:
	case block_info::kind::nothing:
		break;
	}
	base::report(base::severity::bug).line("%s(%p): %s", caller, memory, why_not_freed(info, memory)).emit();
}

} // namespace mp::backing

using namespace mp;

extern "C" void *kmalloc(size_t size, gfp_t flags)
{
	return backing::allocate(size, flags);
}

extern "C" void *kmalloc_array(size_t n, size_t size, gfp_t flags)
{
	size_t bytes = 0;
	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return nullptr;
	}
	return backing::allocate(bytes, flags);
}

extern "C" void *krealloc(const void *objp, size_t new_size, gfp_t flags)
{
	if (new_size == 0) {
		kfree(objp);
		return ZERO_SIZE_PTR;
	}
	const size_t old_bytes = ksize(objp);
	if (new_size <= old_bytes)
		return const_cast<void *>(objp);
	void *fresh = backing::allocate(new_size, flags);
	if (fresh != nullptr && old_bytes > 0) {
		memcpy(fresh, objp, old_bytes);
		kfree(objp);
	}
	return fresh;
}

extern "C" void kfree(const void *objp)
{
	backing::free_memory(objp, false, "kfree");
}

extern "C" size_t ksize(const void *objp)
{
	if (ZERO_OR_NULL_PTR(objp))
		return 0;
	const backing::block_info info = backing::block_at(objp);
	switch (info.what) {
	case backing::block_info::kind::slab:
		return info.in_slab->cache->layout.object_bytes;
	case backing::block_info::kind::pages:
	case backing::block_info::kind::mapping:
		return info.bytes;
	case backing::block_info::kind::free_memory:
	case backing::block_info::kind::nothing:
		break;
	}
	base::report(base::severity::bug).line("ksize(%p): it is not allocated", objp).emit();
	return 0;
}
