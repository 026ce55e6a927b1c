// SPDX-License-Identifier: MIT
//
// cpp_face.hpp - what the tests of the C++ face share: a backing that can run
// dry, and elements that count themselves.
//
// A program that includes this needs the line
//   link: -Wl,--wrap=mempool_alloc_slab -Wl,--wrap=kmem_cache_create
// in its source, so that the calls of mempool.hpp arrive here. Exceptions are
// caught inside each test, and cmocka's assertions stand outside try blocks.
#pragma once

#include <atomic>
#include <cerrno>
#include <mempool/mempool.hpp>
#include <stdexcept>

namespace mp::test {

/// The slab backing gives NULL.
inline std::atomic<bool> dry{false};
/// So many calls still work before it is dry.
inline std::atomic<int> calls_before_dry{0};
/// kmem_cache_create() gives NULL.
inline std::atomic<bool> no_caches{false};

/// A dry backing, as long as this lives.
class drought {
      public:
	explicit drought(int calls = 0)
	{
		calls_before_dry = calls;
		dry = true;
	}
	drought(const drought &) = delete;
	drought &operator=(const drought &) = delete;
	~drought() { dry = false; }
};

/// Counts the living; its constructor throws when told to.
struct counted {
	static inline int alive = 0;
	static inline int made = 0;
	static inline int throw_at = 0; // the n-th construction from now on; 0: none
	int value;

	explicit counted(int v = 0) : value(v)
	{
		if (throw_at > 0 && --throw_at == 0)
			throw std::runtime_error("as told");
		alive++;
		made++;
	}
	counted(const counted &) = delete;
	counted &operator=(const counted &) = delete;
	~counted() { alive--; }
	static void reset() { alive = made = throw_at = 0; }
};

/// What a call threw.
enum class thrown { nothing, bad_alloc, length_error, out_of_range, runtime_error, system_error, other };

template <class Call> thrown what_throws(Call call)
{
	try {
		call();
	} catch (const std::bad_alloc &) {
		return thrown::bad_alloc;
	} catch (const std::length_error &) {
		return thrown::length_error;
	} catch (const std::out_of_range &) {
		return thrown::out_of_range;
	} catch (const std::system_error &) {
		return thrown::system_error;
	} catch (const std::runtime_error &) {
		return thrown::runtime_error;
	} catch (...) {
		return thrown::other;
	}
	return thrown::nothing;
}

/// All elements of the pool are back.
template <class T> bool all_back(const pool<T> &p)
{
	const mempool_statistics figures = p.stats();
	return figures.allocs == figures.frees;
}

} // namespace mp::test

extern "C" {
void *__real_mempool_alloc_slab(gfp_t gfp_mask, void *pool_data);
struct kmem_cache *__real_kmem_cache_create(const char *name, unsigned int size, unsigned int align, slab_flags_t flags,
					    void (*ctor)(void *object));

[[gnu::used]] inline void *__wrap_mempool_alloc_slab(gfp_t gfp_mask, void *pool_data)
{
	if (mp::test::dry && mp::test::calls_before_dry.fetch_sub(1) <= 0)
		return nullptr;
	return __real_mempool_alloc_slab(gfp_mask, pool_data);
}

[[gnu::used]] inline struct kmem_cache *__wrap_kmem_cache_create(const char *name, unsigned int size,
								 unsigned int align, slab_flags_t flags,
								 void (*ctor)(void *object))
{
	if (mp::test::no_caches) {
		errno = ENOMEM;
		return nullptr;
	}
	return __real_kmem_cache_create(name, size, align, flags, ctor);
}
}
