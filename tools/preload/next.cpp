// SPDX-License-Identifier: MIT
//
// next.cpp - see next.hpp.
#include "tools/preload/next.hpp"

#include <array>
#include <dlfcn.h>
#include <link.h>

namespace mp::preload {
namespace {

constexpr size_t cradle_bytes = size_t{128} << 10;
alignas(64) constinit std::array<std::byte, cradle_bytes> cradle = {};
constinit std::atomic<size_t> cradle_used{0};

template <class Function> void look_up(Function *&into, const char *name)
{
	into = reinterpret_cast<Function *>(dlsym(RTLD_NEXT, name));
}

} // namespace

code_range code_around(const void *at)
{
	dl_find_object found = {};
	if (_dl_find_object(const_cast<void *>(at), &found) != 0)
		return {};
	const auto start = reinterpret_cast<uintptr_t>(found.dlfo_map_start);
	return {start, reinterpret_cast<uintptr_t>(found.dlfo_map_end) - start};
}

void find_next()
{
	look_up(next.malloc, "malloc");
	look_up(next.calloc, "calloc");
	look_up(next.realloc, "realloc");
	look_up(next.free, "free");
	look_up(next.posix_memalign, "posix_memalign");
	look_up(next.aligned_alloc, "aligned_alloc");
	look_up(next.memalign, "memalign");
	look_up(next.valloc, "valloc");
	look_up(next.pvalloc, "pvalloc");
	look_up(next.mmap, "mmap");
	look_up(next.mmap64, "mmap64");
	next.mremap = reinterpret_cast<decltype(next.mremap)>(dlsym(RTLD_NEXT, "mremap"));
	look_up(next.munmap, "munmap");
	look_up(next.sigaction, "sigaction");
	look_up(next.signal, "signal");
	look_up(next.pthread_create, "pthread_create");
	look_up(next.exit, "exit");
	look_up(next.exit_now, "_exit");
	look_up(next.quick_exit, "quick_exit");
	for (const char *name : {"__asan_init", "__tsan_init", "__msan_init", "__lsan_init"})
		next.is_sanitizer = next.is_sanitizer || dlsym(RTLD_DEFAULT, name) != nullptr;
	allocator = code_around(reinterpret_cast<const void *>(next.malloc));
	if (allocator.has(reinterpret_cast<uintptr_t>(next.exit))) // tcmalloc has an mmap(), too
		allocator = {};
	find_next_operators();
}

void *cradle_alloc(size_t bytes, size_t alignment)
{
	constexpr size_t header = sizeof(size_t);
	if (bytes > cradle_bytes / 2 || alignment > 4096)
		return nullptr;
	alignment = std::max<size_t>(alignment, 16);
	// Room for the worst case, so that one addition claims it.
	const size_t room = bytes + header + alignment;
	const size_t start = cradle_used.fetch_add(room, std::memory_order_relaxed);
	if (start > cradle_bytes - room)
		return nullptr;
	auto at = reinterpret_cast<uintptr_t>(&cradle[start]) + header;
	at = (at + alignment - 1) & ~(alignment - 1);
	auto *block = reinterpret_cast<std::byte *>(at);
	memcpy(block - header, &bytes, header);
	return block;
}

bool in_cradle(const void *block)
{
	const auto *at = static_cast<const std::byte *>(block);
	return at >= cradle.data() && at < cradle.data() + cradle_bytes;
}

size_t cradle_size(const void *block)
{
	size_t bytes = 0;
	memcpy(&bytes, static_cast<const std::byte *>(block) - sizeof(bytes), sizeof(bytes));
	return bytes;
}

} // namespace mp::preload
