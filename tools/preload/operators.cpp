// SPDX-License-Identifier: MIT
//
// operators.cpp - stands before all forms of C++'s operator new and delete.
//
// libstdc++'s come by malloc() and free() anyhow, those of jemalloc and tcmalloc
// do not. Ours take memory where malloc() takes it, in one decision for each
// attempt, and free it where free() does. There is no libstdc++ here: what is to be
// thrown is the program's (cxx.hpp), and passes through these functions by their
// unwind tables.
//
// Race table: all calls may run together; in signal handlers as far as the next
// allocator allows it, and nothing fails.
#include "tools/preload/cxx.hpp"
#include "tools/preload/heap.hpp"

#include <bit>

namespace mp::preload {
namespace {

/// The program's C++ library is about to ask again for what has failed: it fails once without a question.
constinit thread_local bool has_failed = false;

__attribute__((noinline)) void *from_sanitizer(const request &wanted)
{
	const bool array = wanted.call == call_kind::operator_new_array;
	if (wanted.alignment == 0)
		return (array ? sanitizer.make.array : sanitizer.make.plain)(wanted.size, quietly);
	return (array ? sanitizer.make_aligned.array
		      : sanitizer.make_aligned.plain)(wanted.size, std::align_val_t{wanted.alignment}, quietly);
}

__attribute__((always_inline)) inline void *from_next(const request &wanted)
{
	if (sanitizer.complete) [[unlikely]]
		return from_sanitizer(wanted);
	if (wanted.alignment == 0)
		return next.malloc(wanted.size);
	void *block = nullptr;
	const int error = next.posix_memalign(&block, std::max(wanted.alignment, sizeof(void *)), wanted.size);
	return error == 0 ? block : nullptr;
}

/// Once. nullptr: it has failed, or is to.
__attribute__((always_inline)) inline void *attempt(const request &wanted, call_site site)
{
	if (!can_go_on()) [[unlikely]]
		return cradle_alloc(wanted.size, wanted.alignment);
	if (has_failed) [[unlikely]] {
		has_failed = false;
		return nullptr;
	}
	if (allocator.has(site.pc)) [[unlikely]]
		last_stack = 0;
	else if (fails(wanted.call, wanted.size, site)) [[unlikely]]
		return nullptr;
	return given(from_next(wanted), wanted.size);
}

/// After a failure: as long as the program has a new_handler it is called, and may throw; then it is tried again.
__attribute__((noinline)) void *insist(request wanted, call_site site)
{
	const bool possible = wanted.alignment == 0 || std::has_single_bit(wanted.alignment);
	for (;;) {
		errno = ENOMEM;
		const std::new_handler handler = possible ? handler_of_program(site) : nullptr;
		if (handler == nullptr)
			throw_bad_alloc(site);
		handler();
		if (void *block = attempt(wanted, site))
			return block;
	}
}

/// The same for a form that may not throw. What a handler throws is caught by those who can.
__attribute__((noinline)) void *insist_quietly(request wanted, call_site site)
{
	errno = ENOMEM;
	// A sanitizer's operators know of no handler.
	if (sanitizer.complete || handler_of_program(site) == nullptr)
		return nullptr;
	has_failed = true;
	void *block = make_catching(wanted);
	has_failed = false;
	return block;
}

__attribute__((always_inline)) inline request asked(call_kind call, size_t size, size_t alignment = 0)
{
	return {call, size + (size == 0 ? 1 : 0), alignment};
}

__attribute__((always_inline)) inline void *make(const request &wanted, call_site site)
{
	void *block = attempt(wanted, site);
	return block != nullptr ? block : insist(wanted, site);
}

__attribute__((always_inline)) inline void *make_quietly(const request &wanted, bool theirs, call_site site)
{
	if (theirs) [[unlikely]]
		return make_catching(wanted);
	void *block = attempt(wanted, site);
	return block != nullptr ? block : insist_quietly(wanted, site);
}

/// The block goes to the sanitizer's operator, if there is one, or to the next free().
template <class Function, class... More>
__attribute__((always_inline)) inline void drop(void *block, call_site site, Function *sanitizers, More... more)
{
	if (!may_go_back(block, site)) [[unlikely]]
		return;
	if (sanitizers != nullptr) [[unlikely]]
		sanitizers(block, more...);
	else
		next.free(block);
}

constexpr call_kind plain = call_kind::operator_new;
constexpr call_kind array = call_kind::operator_new_array;

size_t number(std::align_val_t alignment)
{
	return static_cast<size_t>(alignment);
}

} // namespace
} // namespace mp::preload

using namespace mp::preload;

void *operator new(size_t size)
{
	return make(asked(plain, size), this_site());
}

void *operator new[](size_t size)
{
	if (replaced.make.plain != nullptr) [[unlikely]]
		return replaced.make.plain(size);
	return make(asked(array, size), this_site());
}

void *operator new(size_t size, const std::nothrow_t &) noexcept
{
	return make_quietly(asked(plain, size), replaced.make.plain != nullptr, this_site());
}

void *operator new[](size_t size, const std::nothrow_t &) noexcept
{
	return make_quietly(asked(array, size), replaced.make.array != nullptr, this_site());
}

void *operator new(size_t size, std::align_val_t alignment)
{
	return make(asked(plain, size, number(alignment)), this_site());
}

void *operator new[](size_t size, std::align_val_t alignment)
{
	if (replaced.make_aligned.plain != nullptr) [[unlikely]]
		return replaced.make_aligned.plain(size, alignment);
	return make(asked(array, size, number(alignment)), this_site());
}

void *operator new(size_t size, std::align_val_t alignment, const std::nothrow_t &) noexcept
{
	return make_quietly(asked(plain, size, number(alignment)), replaced.make_aligned.plain != nullptr, this_site());
}

void *operator new[](size_t size, std::align_val_t alignment, const std::nothrow_t &) noexcept
{
	return make_quietly(asked(array, size, number(alignment)), replaced.make_aligned.array != nullptr, this_site());
}

void operator delete(void *block) noexcept
{
	drop(block, this_site(), sanitizer.drop.plain);
}

void operator delete[](void *block) noexcept
{
	if (replaced.drop.plain != nullptr) [[unlikely]]
		return replaced.drop.plain(block);
	drop(block, this_site(), sanitizer.drop.array);
}

void operator delete(void *block, size_t size) noexcept
{
	if (replaced.drop.plain != nullptr) [[unlikely]]
		return replaced.drop.plain(block);
	drop(block, this_site(), sanitizer.drop_sized.plain, size);
}

void operator delete[](void *block, size_t size) noexcept
{
	if (replaced.drop.array != nullptr) [[unlikely]]
		return replaced.drop.array(block);
	drop(block, this_site(), sanitizer.drop_sized.array, size);
}

void operator delete(void *block, const std::nothrow_t &) noexcept
{
	if (replaced.drop.plain != nullptr) [[unlikely]]
		return replaced.drop.plain(block);
	drop(block, this_site(), sanitizer.drop.plain);
}

void operator delete[](void *block, const std::nothrow_t &) noexcept
{
	if (replaced.drop.array != nullptr) [[unlikely]]
		return replaced.drop.array(block);
	drop(block, this_site(), sanitizer.drop.array);
}

void operator delete(void *block, std::align_val_t alignment) noexcept
{
	drop(block, this_site(), sanitizer.drop_aligned.plain, alignment);
}

void operator delete[](void *block, std::align_val_t alignment) noexcept
{
	if (replaced.drop_aligned.plain != nullptr) [[unlikely]]
		return replaced.drop_aligned.plain(block, alignment);
	drop(block, this_site(), sanitizer.drop_aligned.array, alignment);
}

void operator delete(void *block, size_t size, std::align_val_t alignment) noexcept
{
	if (replaced.drop_aligned.plain != nullptr) [[unlikely]]
		return replaced.drop_aligned.plain(block, alignment);
	drop(block, this_site(), sanitizer.drop_aligned_sized.plain, size, alignment);
}

void operator delete[](void *block, size_t size, std::align_val_t alignment) noexcept
{
	if (replaced.drop_aligned.array != nullptr) [[unlikely]]
		return replaced.drop_aligned.array(block, alignment);
	drop(block, this_site(), sanitizer.drop_aligned_sized.array, size, alignment);
}

void operator delete(void *block, std::align_val_t alignment, const std::nothrow_t &) noexcept
{
	if (replaced.drop_aligned.plain != nullptr) [[unlikely]]
		return replaced.drop_aligned.plain(block, alignment);
	drop(block, this_site(), sanitizer.drop_aligned.plain, alignment);
}

void operator delete[](void *block, std::align_val_t alignment, const std::nothrow_t &) noexcept
{
	if (replaced.drop_aligned.array != nullptr) [[unlikely]]
		return replaced.drop_aligned.array(block, alignment);
	drop(block, this_site(), sanitizer.drop_aligned.array, alignment);
}
