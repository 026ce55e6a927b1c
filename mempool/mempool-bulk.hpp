/* SPDX-License-Identifier: MIT */
/*
 * mempool-bulk.hpp - the owner of several elements, as mp::pool<T>::make_bulk()
 * returns it; include <mempool/mempool.hpp> instead.
 */
#ifndef MEMPOOL_MEMPOOL_BULK_HPP
#define MEMPOOL_MEMPOOL_BULK_HPP

#include <memory>
#include <mempool/mempool-cpp.hpp>
#include <mempool/mempool.h>
#include <span>

MEMPOOL_NAMESPACE_BEGIN
namespace detail {

/* To the reserve until it is full, the rest to the backing (PAR-25). */
template <class T> void give_back(mempool_t *home, std::span<T *const> slots) noexcept
{
	void **const elements = reinterpret_cast<void **>(const_cast<T **>(slots.data()));
	const unsigned int taken = mempool_free_bulk(home, elements, static_cast<unsigned int>(slots.size()));
	for (T *rest : slots.subspan(taken))
		mempool_free(rest, home);
}

} /* namespace detail */

template <class T> class pool;

/**
 * class bulk - owns several elements; destroys them and gives them back together.
 *
 * Can be moved. An empty one owns nothing. Context of its destructor: never
 * sleeps, unless T's destructor does.
 */
template <class T> class bulk {
      public:
	bulk() = default;
	bulk(bulk &&other) noexcept { swap(other); }
	bulk &operator=(bulk &&other) noexcept
	{
		bulk(std::move(other)).swap(*this);
		return *this;
	}
	~bulk()
	{
		if (slots_.empty())
			return;
		while (constructed_ > 0)
			slots_[--constructed_]->~T();
		detail::give_back<T>(home_, slots_);
	}

	void swap(bulk &other) noexcept
	{
		std::swap(home_, other.home_);
		std::swap(slots_, other.slots_);
		std::swap(storage_, other.storage_);
		std::swap(constructed_, other.constructed_);
	}

	size_t size() const noexcept { return slots_.size(); }
	bool empty() const noexcept { return slots_.empty(); }
	explicit operator bool() const noexcept { return !empty(); }

	/** The elements' addresses; for (T *element : handle) works too. */
	std::span<T *const> elements() const noexcept { return slots_; }
	auto begin() const noexcept { return elements().begin(); }
	auto end() const noexcept { return elements().end(); }

	/** operator[] - element @index, which must be below size(). */
	T &operator[](size_t index) const noexcept { return *slots_[index]; }

	/**
	 * at() - the address of element @index.
	 *
	 * Throws std::out_of_range when @index is not below size(). Where
	 * exceptions are off, NULL with errno ERANGE.
	 */
	T *at(size_t index) const { return index < size() ? slots_[index] : detail::no_such_element<T>(); }

      private:
	friend class pool<T>;
	bulk(mempool_t *home, std::span<T *> slots) noexcept : home_(home), slots_(slots) {}

	template <class... Args> void construct(const Args &...args)
	{
		for (T *slot : slots_) {
			detail::construct_at(slot, args...);
			constructed_++;
		}
	}

	mempool_t *home_ = nullptr;
	std::span<T *> slots_;
	std::unique_ptr<T *[]> storage_;
	size_t constructed_ = 0;
};

MEMPOOL_NAMESPACE_END

#endif /* MEMPOOL_MEMPOOL_BULK_HPP */
