// SPDX-License-Identifier: MIT
//
// references.cpp - reserves as others would write them: the kernel's array
// under a spin lock or a mutex, and a lock-free stack with a 16-byte head; and
// the standard library's pool for the ordinary rows.
//
// A context is shared by its threads.
#include "elements.hpp"
#include "lists.hpp"

#include <atomic>
#include <memory_resource>
#include <mutex>

namespace bench {
namespace {

inline void relax()
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

/// As the kernel's: it spins, whatever happens to the holder.
class spin_lock {
      public:
	void lock()
	{
		while (locked_.exchange(true, std::memory_order_acquire)) // acquire: pairs with unlock()'s release
			while (locked_.load(std::memory_order_relaxed))
				relax();
	}
	void unlock() { locked_.store(false, std::memory_order_release); } // release: pairs with lock()'s acquire

      private:
	std::atomic<bool> locked_ = false;
};

/// The kernel's algorithm: an array of elements under a lock.
template <class Lock> class locked_array {
      public:
	explicit locked_array(const demand &wanted) : memory_(wanted.size, wanted.count), slots_(wanted.count)
	{
		for (unsigned i = 0; i < wanted.count; i++)
			slots_[i] = memory_[i];
		level_ = wanted.count;
	}
	void *take()
	{
		const std::lock_guard guard(lock_);
		return level_ == 0 ? nullptr : slots_[--level_];
	}
	void give(void *element)
	{
		const std::lock_guard guard(lock_);
		slots_[level_++] = element;
	}

      private:
	elements memory_;
	std::vector<void *> slots_;
	alignas(128) Lock lock_;
	size_t level_ = 0;
};

#if defined(__x86_64__)
#define BENCH_HAVE_CAS16 1

/// A Treiber stack whose head carries a tag against ABA. The links lie in the elements.
class cas16_stack {
      public:
	explicit cas16_stack(const demand &wanted) : memory_(wanted.size, wanted.count)
	{
		for (unsigned i = 0; i < wanted.count; i++)
			give(memory_[i]);
	}
	void *take()
	{
		for (;;) {
			// Tag first, pointer second: the other way round the tag would protect nothing.
			const uint64_t tag = __atomic_load_n(&head_.tag, __ATOMIC_ACQUIRE);
			void *top = __atomic_load_n(&head_.top, __ATOMIC_ACQUIRE);
			if (top == nullptr)
				return nullptr;
			// May read an element that is in use: then the tag has changed, and so has nothing else.
			void *next = __atomic_load_n(static_cast<void **>(top), __ATOMIC_RELAXED);
			if (swap(tag, top, next))
				return top;
		}
	}
	void give(void *element)
	{
		for (;;) {
			const uint64_t tag = __atomic_load_n(&head_.tag, __ATOMIC_ACQUIRE);
			void *top = __atomic_load_n(&head_.top, __ATOMIC_ACQUIRE);
			__atomic_store_n(static_cast<void **>(element), top, __ATOMIC_RELAXED);
			if (swap(tag, top, element))
				return;
		}
	}

      private:
	bool swap(uint64_t tag, void *top, void *next)
	{
		bool done;
		asm volatile("lock cmpxchg16b %[head]"
			     : "=@ccz"(done), [head] "+m"(head_), "+a"(tag), "+d"(top)
			     : "b"(tag + 1), "c"(next)
			     : "memory");
		return done;
	}

	elements memory_;
	struct alignas(16) word {
		uint64_t tag = 0;
		void *top = nullptr;
	};
	alignas(128) word head_;
};
#endif

/// The standard library's pool.
class pmr_pool {
      public:
	explicit pmr_pool(const demand &wanted) : size_(wanted.size) {}
	void *take() { return resource_.allocate(size_, 16); }
	void give(void *element) { resource_.deallocate(element, size_, 16); }

      private:
	size_t size_;
	std::pmr::synchronized_pool_resource resource_;
};

template <class Reference> void *take(void *p)
{
	return static_cast<Reference *>(p)->take();
}

template <class Reference> void give(void *p, void *element)
{
	static_cast<Reference *>(p)->give(element);
}

/// The table's row for one of the classes above.
template <class Reference> constexpr peer row(const char *name, const char *what, unsigned roles)
{
	return {
		name,
		what,
		roles,
		nullptr,
		[](const peer *, const demand *wanted) -> void * { return new Reference(*wanted); },
		[](void *p) { delete static_cast<Reference *>(p); },
		calls_of<take<Reference>, give<Reference>>,
		nullptr,
		nullptr,
	};
}

const peer peers[] = {
	row<pmr_pool>("pmr", "std::pmr::synchronized_pool_resource", role_ordinary),
	row<locked_array<spin_lock>>("spin array", "the kernel's array under a spin lock", role_reserve),
	row<locked_array<std::mutex>>("mutex array", "the kernel's array under a mutex", role_reserve),
#ifdef BENCH_HAVE_CAS16
	row<cas16_stack>("cas16 stack", "a Treiber stack with a tagged 16-byte head", role_reserve),
#endif
};

} // namespace

std::span<const peer> reference_peers()
{
	return peers;
}

} // namespace bench
