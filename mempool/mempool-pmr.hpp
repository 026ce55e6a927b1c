/* SPDX-License-Identifier: MIT */
/*
 * mempool-pmr.hpp - a std::pmr memory resource that serves from a pool;
 * include <mempool/mempool.hpp> instead.
 */
#ifndef MEMPOOL_MEMPOOL_PMR_HPP
#define MEMPOOL_MEMPOOL_PMR_HPP

#include <memory_resource>
#include <mempool/mempool-cpp.hpp>
#include <mempool/mempool-pool.hpp>

MEMPOOL_NAMESPACE_BEGIN

/**
 * class pool_resource - lets std::pmr containers take their nodes from a pool.
 *
 *	struct alignas(16) node { std::byte room[64]; };
 *	mp::pool<node> nodes(128);
 *	mp::pool_resource resource(nodes);
 *	std::pmr::list<int> list(&resource);
 *
 * A request of at most the element's size and alignment is served from the
 * pool; every other goes to the upstream resource, which refuses all unless
 * you give another. The resource owns neither: both must outlive it. Its calls
 * may run in any threads at the same time if upstream's may.
 */
class pool_resource : public std::pmr::memory_resource {
      public:
	/**
	 * pool_resource() - serve from a pool of the C face.
	 * @pool: an initialised pool.
	 * @element_size: bytes of its elements.
	 * @element_align: what they are aligned to, in bytes, a power of two.
	 * @upstream: serves what does not fit.
	 * @gfp: what an allocation may do. With __GFP_DIRECT_RECLAIM, as in
	 *       GFP_KERNEL, one that fits never fails; otherwise it throws
	 *       std::bad_alloc when there is no memory (aborts where exceptions are off).
	 */
	pool_resource(mempool_t *pool, size_t element_size, size_t element_align,
		      std::pmr::memory_resource *upstream = std::pmr::null_memory_resource(),
		      gfp_t gfp = GFP_KERNEL) noexcept
		: pool_(pool), upstream_(upstream), element_size_(element_size), element_align_(element_align),
		  gfp_(gfp)
	{
	}

	/** pool_resource() - serve from a pool of elements whose type is only their size and alignment. */
	template <class T>
	explicit pool_resource(pool<T> &pool, std::pmr::memory_resource *upstream = std::pmr::null_memory_resource(),
			       gfp_t gfp = GFP_KERNEL) noexcept
		: pool_resource(pool.native_handle(), sizeof(T), alignof(T), upstream, gfp)
	{
	}

	/* Containers keep its address, so it stays where it is. */
	pool_resource(const pool_resource &) = delete;
	pool_resource &operator=(const pool_resource &) = delete;

	/** fits() - does the pool serve a request of this size and alignment? Context: any. Never sleeps. */
	bool fits(size_t bytes, size_t align) const noexcept
	{
		return bytes <= element_size_ && align <= element_align_;
	}

	mempool_t *native_handle() const noexcept { return pool_; }
	std::pmr::memory_resource *upstream_resource() const noexcept { return upstream_; }

      private:
	/* Context: as mempool_alloc() with the mask given above, or as upstream's. */
	void *do_allocate(size_t bytes, size_t align) override
	{
		if (!fits(bytes, align))
			return upstream_->allocate(bytes, align);
		void *const memory = mempool_alloc(pool_, gfp_);
		if (memory == nullptr)
			detail::no_memory();
		return memory;
	}

	/* Context: never sleeps, unless upstream does. */
	void do_deallocate(void *memory, size_t bytes, size_t align) override
	{
		if (fits(bytes, align))
			mempool_free(memory, pool_);
		else
			upstream_->deallocate(memory, bytes, align);
	}

	/* Only itself: to look into the other one would need RTTI. */
	bool do_is_equal(const std::pmr::memory_resource &other) const noexcept override { return this == &other; }

	mempool_t *pool_;
	std::pmr::memory_resource *upstream_;
	size_t element_size_;
	size_t element_align_;
	gfp_t gfp_;
};

MEMPOOL_NAMESPACE_END

#endif /* MEMPOOL_MEMPOOL_PMR_HPP */
