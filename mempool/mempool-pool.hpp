/* SPDX-License-Identifier: MIT */
/*
 * mempool-pool.hpp - a pool of elements of one C++ type; include
 * <mempool/mempool.hpp> instead.
 *
 * alloc, make, free, bulk calls and resize of one pool may run in any threads
 * at the same time, and so may an element's way home through its pointer.
 * Constructing, moving and destroying a pool want it to themselves (PAR-28).
 */
#ifndef MEMPOOL_MEMPOOL_POOL_HPP
#define MEMPOOL_MEMPOOL_POOL_HPP

#include <algorithm>
#include <atomic>
#include <memory>
#include <mempool/mempool-bulk.hpp>
#include <mempool/mempool-cpp.hpp>
#include <mempool/mempool-stats.h>
#include <mempool/mempool.h>
#include <span>

MEMPOOL_NAMESPACE_BEGIN

/**
 * class pool - a pool of elements of type T that keeps min_nr of them in reserve.
 *
 * The memory comes from a kmem_cache of the pool's own, which knows T's size
 * and alignment; from kmalloc() for elements beyond two pages; from kvmalloc()
 * beyond KMALLOC_MAX_SIZE. A pool can be moved: elements and their pointers
 * stay valid, as they refer to the mempool_t, which stays where it is.
 */
template <class T> class pool {
	static_assert(std::is_object_v<T> && !std::is_array_v<T>, "mp::pool<T>: T must be an object type, no array");
	static_assert(std::is_same_v<T, std::remove_cv_t<T>>, "mp::pool<T>: T must not be const or volatile");
	static_assert(std::is_nothrow_destructible_v<T>,
		      "mp::pool<T>: T's destructor must be public and must not throw");
	static_assert(alignof(T) <= PAGE_SIZE,
		      "mp::pool<T>: T's alignment is beyond PAGE_SIZE, which no backing serves");
	static_assert(sizeof(T) <= KMALLOC_MAX_SIZE || alignof(T) <= 16,
		      "mp::pool<T>: T is beyond KMALLOC_MAX_SIZE, and such elements are aligned to 16 bytes only");

      public:
	/** struct deleter - destroys an element and gives its memory back to the pool. */
	struct deleter {
		mempool_t *home = nullptr;
		void operator()(T *element) const noexcept
		{
			element->~T();
			mempool_free(element, home);
		}
	};

	/** ptr - owns one element; safe to destroy in any thread, while the pool lives. */
	using ptr = std::unique_ptr<T, deleter>;

	/** bulk - owns several elements; see mempool-bulk.hpp. */
	using bulk = mp::bulk<T>;

	/**
	 * pool() - make a pool (PAR-1).
	 * @min_nr: elements to reserve, 0 to MEMPOOL_NR_MAX; 0 still reserves one (PAR-4).
	 * @name: for reports and statistics; copied; NULL for T's own name.
	 *
	 * Throws std::bad_alloc when memory is short, and std::system_error
	 * (EINVAL, ENAMETOOLONG) for a bad argument. Where exceptions are off
	 * the pool is then empty: see valid().
	 *
	 * Context: may sleep. Not from a signal handler.
	 */
	explicit pool(int min_nr, const char *name = nullptr) : pool(std::nothrow, min_nr, name)
	{
		if (!valid())
			detail::creation_failed(error_);
	}

	/**
	 * pool(std::nothrow) - make a pool, and never throw.
	 *
	 * Parameters and context: as above. On failure the pool is empty, and
	 * error() says why: ENOMEM, EINVAL or ENAMETOOLONG.
	 */
	pool(std::nothrow_t, int min_nr, const char *name = nullptr) noexcept
	{
		char own_name[MEMPOOL_NAME_MAX] = {};
		if (name == nullptr) {
			constexpr std::string_view type = detail::type_name<T>();
			type.copy(own_name, sizeof(own_name) - 1);
			name = own_name;
		}
		if (!create(min_nr, name)) {
			error_ = errno;
			kmem_cache_destroy(std::exchange(cache_, nullptr));
		}
	}

	pool(pool &&other) noexcept { swap(other); }
	pool &operator=(pool &&other) noexcept
	{
		pool(std::move(other)).swap(*this);
		return *this;
	}
	pool(const pool &) = delete;
	pool &operator=(const pool &) = delete;

	/**
	 * ~pool() - give the reserve and the cache back (PAR-6).
	 *
	 * Elements still out are the caller's mistake, as with mempool_destroy().
	 *
	 * Context: may sleep (waits for walkers). Nobody else may use the pool.
	 */
	~pool()
	{
		mempool_destroy(pool_);
		kmem_cache_destroy(cache_);
	}

	void swap(pool &other) noexcept
	{
		std::swap(pool_, other.pool_);
		std::swap(cache_, other.cache_);
		std::swap(error_, other.error_);
	}

	/** valid() - was the pool made, and not moved from? All calls below need it. */
	bool valid() const noexcept { return pool_ != nullptr; }
	explicit operator bool() const noexcept { return valid(); }

	/** error() - why the pool could not be made, as an errno value; 0 otherwise. */
	int error() const noexcept { return error_; }

	/**
	 * alloc() - memory for one element, not yet constructed (PAR-8 to PAR-13).
	 * @gfp: what the allocation may do.
	 *
	 * Context: sleeps only with __GFP_DIRECT_RECLAIM, as in GFP_KERNEL.
	 * Return: the memory, never NULL with __GFP_DIRECT_RECLAIM; else NULL
	 * with errno ENOMEM when there is none.
	 */
	[[nodiscard]] T *alloc(gfp_t gfp) noexcept { return static_cast<T *>(mempool_alloc(pool_, gfp)); }

	/**
	 * alloc_for() - alloc() that gives up after a time. Extension.
	 * @gfp: what the allocation may do.
	 * @timeout: the longest time to sleep; 0 or less does not sleep at all.
	 *
	 * Context: sleeps up to @timeout, only with __GFP_DIRECT_RECLAIM.
	 * Return: the memory; NULL with errno ETIMEDOUT, or ENOMEM when @gfp does not allow to sleep.
	 */
	template <class Rep, class Period>
	[[nodiscard]] T *alloc_for(gfp_t gfp, std::chrono::duration<Rep, Period> timeout) noexcept
	{
		return static_cast<T *>(mempool_alloc_timeout(pool_, gfp, detail::timeout_ns(timeout)));
	}

	/**
	 * alloc_preallocated() - memory for one element, from the reserve only (PAR-16).
	 *
	 * Context: never sleeps.
	 * Return: the memory; NULL with errno ENOMEM when the reserve is empty.
	 */
	[[nodiscard]] T *alloc_preallocated() noexcept { return static_cast<T *>(mempool_alloc_preallocated(pool_)); }

	/**
	 * free() - give memory back whose element is destroyed already, or never was constructed (PAR-21).
	 * @memory: from any alloc call; NULL does nothing (PAR-20).
	 *
	 * Context: never sleeps.
	 */
	void free(T *memory) noexcept { mempool_free(memory, pool_); }

	/**
	 * make() - construct an element in memory from the pool.
	 * @gfp: what the allocation may do, as for alloc().
	 * @args: for T's constructor.
	 *
	 * Throws only what T's constructor throws; the memory is then back in the pool.
	 *
	 * Context: sleeps only with __GFP_DIRECT_RECLAIM, or if T's constructor does.
	 * Return: the element's owner, never empty with __GFP_DIRECT_RECLAIM
	 * (PAR-12); else empty, with errno ENOMEM, when there is no memory.
	 */
	template <class... Args>
	[[nodiscard]] ptr make(gfp_t gfp, Args &&...args) noexcept(std::is_nothrow_constructible_v<T, Args...>)
	{
		return construct(alloc(gfp), std::forward<Args>(args)...);
	}

	/**
	 * make_for() - make() that gives up after a time. Extension.
	 * @gfp: what the allocation may do.
	 * @timeout: as for alloc_for().
	 * @args: for T's constructor.
	 *
	 * Context: sleeps up to @timeout, only with __GFP_DIRECT_RECLAIM, or if T's constructor does.
	 * Return: the element's owner; empty, with errno as from alloc_for(), after the time.
	 */
	template <class Rep, class Period, class... Args>
	[[nodiscard]] ptr make_for(gfp_t gfp, std::chrono::duration<Rep, Period> timeout,
				   Args &&...args) noexcept(std::is_nothrow_constructible_v<T, Args...>)
	{
		return construct(alloc_for(gfp, timeout), std::forward<Args>(args)...);
	}

	/**
	 * alloc_bulk() - memory for several elements, without the deadlock of a loop (PAR-17, PAR-18).
	 * @slots: the NULL ones are filled, upwards; the others are kept. At most min_nr() of them.
	 *
	 * Throws std::length_error for more slots than min_nr(), which the
	 * reserve could not serve together; nothing is taken then.
	 *
	 * Context: may sleep, as with GFP_KERNEL.
	 * Return: true, with every slot filled. Where exceptions are off, false
	 * with errno ERANGE for more slots than min_nr().
	 */
	bool alloc_bulk(std::span<T *> slots)
	{
		if (slots.size() > static_cast<size_t>(min_nr()))
			return detail::bulk_too_long();
		const auto filled = std::count_if(slots.begin(), slots.end(), [](T *slot) { return slot != nullptr; });
		/* Compilers let void * alias every pointer, as C programs with void ** arguments need it too. */
		mempool_alloc_bulk(pool_, reinterpret_cast<void **>(slots.data()),
				   static_cast<unsigned int>(slots.size()), static_cast<unsigned int>(filled));
		return true;
	}

	/**
	 * free_bulk() - give the memory of several destroyed elements back: to the
	 * reserve until it is full, the rest to the backing (PAR-25).
	 * @slots: no NULL among them; left as they are.
	 *
	 * Context: never sleeps.
	 */
	void free_bulk(std::span<T *const> slots) noexcept { detail::give_back<T>(pool_, slots); }

	/**
	 * make_bulk() - construct several elements, all with the same arguments, in storage of the caller.
	 * @slots: where their addresses go; must outlive the handle. At most min_nr() of them.
	 * @args: for T's constructor, each time.
	 *
	 * Throws std::length_error as alloc_bulk() does, and what T's constructor
	 * throws: all memory is then back in the pool. Takes no other memory.
	 *
	 * Context: may sleep, as with GFP_KERNEL.
	 * Return: the elements' owner. Where exceptions are off, an empty one
	 * with errno ERANGE for more slots than min_nr().
	 */
	template <class... Args> [[nodiscard]] bulk make_bulk(std::span<T *> slots, const Args &...args)
	{
		std::fill(slots.begin(), slots.end(), nullptr);
		if (!alloc_bulk(slots))
			return bulk();
		bulk elements(pool_, slots);
		elements.construct(args...);
		return elements;
	}

	/**
	 * make_bulk() - the same, in storage from operator new.
	 * @count: how many, at most min_nr().
	 * @args: for T's constructor, each time.
	 *
	 * Throws also std::bad_alloc when there is no memory for @count
	 * addresses, and has then taken no element (where exceptions are off: an
	 * empty handle with errno ENOMEM). A path that must not fail brings its
	 * own storage.
	 */
	template <class... Args> [[nodiscard]] bulk make_bulk(size_t count, const Args &...args)
	{
		if (count > static_cast<size_t>(min_nr())) {
			detail::bulk_too_long();
			return bulk();
		}
		std::unique_ptr<T *[]> storage(new (std::nothrow) T *[count]());
		if (storage == nullptr) {
			detail::creation_failed(ENOMEM);
			errno = ENOMEM;
			return bulk();
		}
		bulk elements = make_bulk(std::span<T *>(storage.get(), count), args...);
		elements.storage_ = std::move(storage);
		return elements;
	}

	/**
	 * resize() - change how many elements the reserve is to hold (PAR-26 to PAR-28).
	 * @min_nr: 1 to MEMPOOL_NR_MAX.
	 *
	 * Context: may sleep. Not from a signal handler.
	 * Return: 0, -EINVAL (also reported) or -ENOMEM (the pool is then unchanged).
	 */
	[[nodiscard]] int resize(int min_nr) noexcept { return mempool_resize(pool_, min_nr); }

	/** stats() - the pool's figures so far. Context: any thread. Never sleeps. Extension. */
	mempool_statistics stats() const noexcept
	{
		mempool_statistics figures = {};
		figures.size = sizeof(figures);
		mempool_stats(pool_, &figures);
		return figures;
	}

	/** curr_nr() - how many elements the reserve holds now (PAR-7). Context: any. Never sleeps. */
	int curr_nr() const noexcept { return mempool_curr_nr(pool_); }

	/** min_nr() - how many elements the reserve is to hold (PAR-7). Context: any. Never sleeps. */
	int min_nr() const noexcept
	{
		/* Atomic, as resize() may run in another thread. */
		return std::atomic_ref<int>(pool_->min_nr).load(std::memory_order_relaxed);
	}

	/** native_handle() - the pool beneath, for the C calls; it lives as long as this pool. */
	mempool_t *native_handle() const noexcept { return pool_; }

      private:
	/* Beyond two pages a slab would hold few elements and waste much; but only a cache aligns to more than 16. */
	static constexpr size_t cache_max = alignof(T) > 16 ? KMALLOC_MAX_SIZE : 2 * PAGE_SIZE;
	static constexpr bool from_cache = sizeof(T) <= cache_max;
	static constexpr bool from_kmalloc = !from_cache && sizeof(T) <= KMALLOC_MAX_SIZE;

	bool create(int min_nr, const char *name) noexcept
	{
		struct mempool_attr attr = MEMPOOL_ATTR_INIT;
		attr.name = name;
		void *const size = reinterpret_cast<void *>(sizeof(T)); /* PAR-29: pool_data is the size itself */
		if constexpr (from_cache) {
			cache_ = kmem_cache_create(name, sizeof(T), alignof(T), 0, nullptr);
			if (cache_ != nullptr)
				pool_ = mempool_create_attr(min_nr, mempool_alloc_slab, mempool_free_slab, cache_,
							    &attr);
		} else if constexpr (from_kmalloc) {
			pool_ = mempool_create_attr(min_nr, mempool_kmalloc, mempool_kfree, size, &attr);
		} else {
			pool_ = mempool_create_attr(min_nr, mempool_kvmalloc, mempool_kvfree, size, &attr);
		}
		return valid();
	}

	template <class... Args> ptr construct(T *memory, Args &&...args)
	{
		/* Gives the memory back if T's constructor throws; a type and no try, so that -fno-exceptions takes it.
		 */
		struct memory_guard {
			T *memory;
			mempool_t *home;
			~memory_guard()
			{
				if (memory != nullptr)
					mempool_free(memory, home);
			}
		} guard{memory, pool_};
		if (memory == nullptr)
			return ptr();
		ptr element(detail::construct_at(memory, std::forward<Args>(args)...), deleter{pool_});
		guard.memory = nullptr;
		return element;
	}

	mempool_t *pool_ = nullptr;
	struct kmem_cache *cache_ = nullptr;
	int error_ = 0;
};

MEMPOOL_NAMESPACE_END

#endif /* MEMPOOL_MEMPOOL_POOL_HPP */
