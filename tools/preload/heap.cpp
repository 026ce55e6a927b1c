// SPDX-License-Identifier: MIT
//
// heap.cpp - stands before malloc() and its family, and before mmap().
//
// glibc's strdup(), asprintf(), getline() and the like call these through its
// procedure linkage table, so they fail with them. C++'s operators: operators.cpp.
//
// Race table: all calls may run together; in signal handlers as far as the next
// allocator allows it.
#include "tools/preload/heap.hpp"
#include "tools/preload/heaps.hpp"

#include <cerrno>
#include <cstdarg>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace mp::preload {
namespace {

void *out_of_memory()
{
	errno = ENOMEM;
	return nullptr;
}

void *map_failed()
{
	errno = ENOMEM;
	return MAP_FAILED;
}

/// An allocator may want pages while we still ask for the next functions.
void *map_early(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	return reinterpret_cast<void *>(syscall(SYS_mmap, at, bytes, protection, flags, fd, offset));
}

/// What was mapped, noted if the allocator did so.
void *mapped(void *memory, size_t bytes, call_site site)
{
	if (allocator.has(site.pc) && memory != MAP_FAILED) [[unlikely]]
		note_heap(memory, bytes);
	return memory;
}

void *from_cradle(size_t bytes, size_t alignment)
{
	void *block = cradle_alloc(bytes, alignment);
	return block != nullptr ? block : out_of_memory();
}

/// realloc() without the question whether it is to fail.
__attribute__((always_inline)) inline void *resize(void *block, size_t bytes)
{
	if (block != nullptr && in_cradle(block)) {
		void *moved = next.malloc(bytes);
		if (moved != nullptr)
			memcpy(moved, block, std::min(bytes, cradle_size(block)));
		return given(moved, bytes);
	}
	const verdict before = block != nullptr ? taken_back(block, true, this_site()) : verdict::hand_on;
	if (before == verdict::refuse) [[unlikely]]
		return out_of_memory();
	void *result = next.realloc(block, bytes);
	if (result != nullptr)
		return given(result, bytes);
	if (block != nullptr && bytes != 0)
		note_kept(block, before);
	return result;
}

} // namespace
} // namespace mp::preload

using namespace mp::preload;

PRELOAD_EXPORT void *malloc(size_t size)
{
	if (!can_go_on()) [[unlikely]]
		return from_cradle(size, 16);
	if (fails(call_kind::malloc, size)) [[unlikely]]
		return out_of_memory();
	return given(next.malloc(size), size);
}

PRELOAD_EXPORT void *calloc(size_t count, size_t size)
{
	size_t bytes = 0;
	const bool overflows = __builtin_mul_overflow(count, size, &bytes);
	if (!can_go_on()) [[unlikely]] // the cradle is all zeroes, and nothing in it is used twice
		return overflows ? out_of_memory() : from_cradle(bytes, 16);
	if (fails(call_kind::calloc, overflows ? SIZE_MAX : bytes)) [[unlikely]]
		return out_of_memory();
	return given(next.calloc(count, size), bytes);
}

PRELOAD_EXPORT void *realloc(void *block, size_t size)
{
	if (!can_go_on()) [[unlikely]] {
		void *moved = from_cradle(size, 16);
		if (moved != nullptr && block != nullptr && in_cradle(block))
			memcpy(moved, block, std::min(size, cradle_size(block)));
		return moved;
	}
	// realloc(p, 0) frees, and does not fail.
	if ((block == nullptr || size != 0) && fails(call_kind::realloc, size)) [[unlikely]]
		return out_of_memory();
	return resize(block, size);
}

PRELOAD_EXPORT void *reallocarray(void *block, size_t count, size_t size)
{
	size_t bytes = 0;
	if (__builtin_mul_overflow(count, size, &bytes) || !can_go_on())
		return out_of_memory();
	if ((block == nullptr || bytes != 0) && fails(call_kind::reallocarray, bytes)) [[unlikely]]
		return out_of_memory();
	return resize(block, bytes);
}

PRELOAD_EXPORT void free(void *block)
{
	if (may_go_back(block, this_site())) [[likely]]
		next.free(block);
}

PRELOAD_EXPORT void cfree(void *block)
{
	free(block);
}

PRELOAD_EXPORT int posix_memalign(void **into, size_t alignment, size_t size)
{
	if (!can_go_on()) [[unlikely]] {
		*into = cradle_alloc(size, alignment);
		return *into != nullptr ? 0 : ENOMEM;
	}
	if (fails(call_kind::posix_memalign, size)) [[unlikely]]
		return errno = ENOMEM; // it is returned; errno helps those who look at that
	const int error = next.posix_memalign(into, alignment, size);
	if (error == 0)
		given(*into, size);
	return error;
}

PRELOAD_EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
	if (!can_go_on()) [[unlikely]]
		return from_cradle(size, alignment);
	if (fails(call_kind::aligned_alloc, size)) [[unlikely]]
		return out_of_memory();
	return given(next.aligned_alloc(alignment, size), size);
}

PRELOAD_EXPORT void *memalign(size_t alignment, size_t size)
{
	if (!can_go_on()) [[unlikely]]
		return from_cradle(size, alignment);
	if (fails(call_kind::memalign, size)) [[unlikely]]
		return out_of_memory();
	return given(next.memalign(alignment, size), size);
}

PRELOAD_EXPORT void *valloc(size_t size)
{
	if (!can_go_on() || fails(call_kind::valloc, size)) [[unlikely]]
		return out_of_memory();
	return given(next.valloc(size), size);
}

PRELOAD_EXPORT void *pvalloc(size_t size)
{
	if (!can_go_on() || fails(call_kind::pvalloc, size)) [[unlikely]]
		return out_of_memory();
	return given(next.pvalloc(size), size);
}

PRELOAD_EXPORT void *mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	if (!can_go_on()) [[unlikely]]
		return map_early(at, bytes, protection, flags, fd, offset);
	if (fails(call_kind::mmap, bytes)) [[unlikely]]
		return map_failed();
	return mapped(next.mmap(at, bytes, protection, flags, fd, offset), bytes, this_site());
}

PRELOAD_EXPORT void *mmap64(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	if (!can_go_on()) [[unlikely]]
		return map_early(at, bytes, protection, flags, fd, offset);
	if (fails(call_kind::mmap, bytes)) [[unlikely]]
		return map_failed();
	return mapped(next.mmap64(at, bytes, protection, flags, fd, offset), bytes, this_site());
}

PRELOAD_EXPORT void *mremap(void *at, size_t bytes, size_t new_bytes, int flags, ...)
{
	va_list more;
	va_start(more, flags);
	void *to = (flags & MREMAP_FIXED) != 0 ? va_arg(more, void *) : nullptr;
	va_end(more);
	if (!can_go_on() || (new_bytes > bytes && fails(call_kind::mremap, new_bytes))) [[unlikely]]
		return map_failed();
	// First, as in munmap() below.
	const bool was_heap = forget_heap(at, bytes);
	void *moved = next.mremap(at, bytes, new_bytes, flags, to);
	if (moved == MAP_FAILED && was_heap)
		note_heap(at, bytes);
	return mapped(moved, new_bytes, this_site());
}

PRELOAD_EXPORT int munmap(void *at, size_t bytes)
{
	if (!can_go_on()) [[unlikely]]
		return static_cast<int>(syscall(SYS_munmap, at, bytes));
	// First: once it is unmapped another thread may map the same.
	const bool was_heap = forget_heap(at, bytes);
	const int result = next.munmap(at, bytes);
	if (result != 0 && was_heap)
		note_heap(at, bytes);
	return result;
}
