/* SPDX-License-Identifier: MIT */
/*
 * mempool-cpp.hpp - what the headers of the C++ face share; include
 * <mempool/mempool.hpp> instead.
 */
#ifndef MEMPOOL_MEMPOOL_CPP_HPP
#define MEMPOOL_MEMPOOL_CPP_HPP

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

/*
 * Programs with and without exceptions get two sets of symbols, so that
 * linking objects of both kinds together never mixes functions that differ
 * (and a pool that is handed from one kind to the other does not link, instead
 * of misbehaving).
 */
#if defined(__cpp_exceptions)
#include <stdexcept>
#include <system_error>
#define MEMPOOL_EXCEPTIONS 1
#define MEMPOOL_NAMESPACE_BEGIN namespace mp {
#define MEMPOOL_NAMESPACE_END }
#else
#define MEMPOOL_EXCEPTIONS 0
#define MEMPOOL_NAMESPACE_BEGIN \
	namespace mp {          \
	inline namespace without_exceptions {
#define MEMPOOL_NAMESPACE_END \
	}                     \
	}
#endif

MEMPOOL_NAMESPACE_BEGIN
namespace detail {

/* Ends a constructor that has left its object empty. */
inline void creation_failed([[maybe_unused]] int error)
{
#if MEMPOOL_EXCEPTIONS
	if (error == ENOMEM)
		throw std::bad_alloc();
	throw std::system_error(error, std::generic_category(), "mp::pool");
#endif
}

/* Refuses a bulk call that the reserve could never serve as a whole. */
inline bool bulk_too_long()
{
#if MEMPOOL_EXCEPTIONS
	throw std::length_error("mp::pool: a bulk of more elements than min_nr");
#else
	errno = ERANGE;
	return false;
#endif
}

/* Refuses an index. */
template <class T> T *no_such_element()
{
#if MEMPOOL_EXCEPTIONS
	throw std::out_of_range("mp::pool::bulk: no such element");
#else
	errno = ERANGE;
	return nullptr;
#endif
}

/* For std::pmr, whose allocate() has no way to say no but this. */
[[noreturn]] inline void no_memory()
{
#if MEMPOOL_EXCEPTIONS
	throw std::bad_alloc();
#else
	std::abort();
#endif
}

/* A duration as mempool_alloc_timeout() wants it: rounded up, and negative ones (and NaN) are 0. */
template <class Rep, class Period> constexpr uint64_t timeout_ns(std::chrono::duration<Rep, Period> timeout)
{
	using std::chrono::nanoseconds;
	using seconds = std::chrono::duration<double>;
	if (!(timeout > timeout.zero()))
		return 0;
	if (seconds(timeout) >= seconds(nanoseconds::max()))
		return static_cast<uint64_t>(nanoseconds::max().count());
	return static_cast<uint64_t>(std::chrono::ceil<nanoseconds>(timeout).count());
}

/* The type's name as the compiler spells it, for pools that were given none. Needs no RTTI. */
template <class T> constexpr std::string_view type_name()
{
	constexpr std::string_view function = __PRETTY_FUNCTION__; /* "... [with T = name; ...]", "... [T = name]" */
	constexpr size_t start = function.find("T = ") + 4;
	return function.substr(start, function.find_first_of(";]", start) - start);
}

/* Aggregates are initialised by braces, as not every compiler takes parentheses for them. */
template <class T, class... Args> T *construct_at(T *memory, Args &&...args)
{
	if constexpr (std::is_constructible_v<T, Args...>)
		return ::new (static_cast<void *>(memory)) T(std::forward<Args>(args)...);
	else
		return ::new (static_cast<void *>(memory)) T{std::forward<Args>(args)...};
}

} /* namespace detail */
MEMPOOL_NAMESPACE_END

#endif /* MEMPOOL_MEMPOOL_CPP_HPP */
