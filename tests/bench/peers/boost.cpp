// SPDX-License-Identifier: MIT
//
// peers/boost.cpp - Boost's pool and its lock-free freelist, as a plugin.
//
// A context is shared by its threads, except boost::pool's without a mutex.
#include "tests/bench/peer.hpp"

#include <boost/align/aligned_allocator.hpp>
#include <boost/lockfree/detail/freelist.hpp>
#include <boost/pool/pool.hpp>
#include <boost/version.hpp>
#include <mutex>

namespace {

using bench::demand;
using bench::peer;

struct no_mutex {
	void lock() {}
	void unlock() {}
};

template <class Mutex> class pool {
      public:
	explicit pool(const demand &wanted) : pool_(wanted.size) {}
	void *take()
	{
		const std::lock_guard guard(mutex_);
		return pool_.malloc();
	}
	void give(void *element)
	{
		const std::lock_guard guard(mutex_);
		pool_.free(element);
	}

      private:
	Mutex mutex_;
	boost::pool<> pool_;
};

// The freelist's node is a type, so there is one for each size that is measured. Bounded: it makes no nodes later.
template <size_t Size> class freelist {
      public:
	struct alignas(64) node {
		char bytes[Size];
	};
	explicit freelist(const demand &wanted) : list_(wanted.count) {}
	void *take() { return list_.take(); }
	void give(void *element) { list_.give(static_cast<node *>(element)); }

      private:
	using allocator = boost::alignment::aligned_allocator<node, 64>;
	// What it offers to all clears the element, too. Raw memory is for those who inherit.
	struct list : boost::lockfree::detail::freelist_stack<node, allocator> {
		using base = boost::lockfree::detail::freelist_stack<node, allocator>;
		explicit list(size_t count) : base(allocator(), count) {}
		void *take() { return this->template allocate<true, true>(); }
		void give(node *element) { this->template deallocate<true>(element); }
	};
	list list_;
};

template <class Peer> void *create(const peer *, const demand *wanted)
{
	return new Peer(*wanted);
}

template <size_t Size> void *create_freelist(const peer *, const demand *wanted)
{
	return wanted->size == Size ? new freelist<Size>(*wanted) : nullptr;
}

template <class Peer> void *take(void *p)
{
	return static_cast<Peer *>(p)->take();
}

template <class Peer> void give(void *p, void *element)
{
	static_cast<Peer *>(p)->give(element);
}

template <class Peer>
constexpr peer row(const char *name, const char *what, unsigned roles,
		   void *(*create)(const peer *, const demand *) = ::create<Peer>)
{
	return {
		name,
		what,
		roles,
		nullptr,
		create,
		[](void *p) { delete static_cast<Peer *>(p); },
		bench::calls_of<take<Peer>, give<Peer>>,
		nullptr,
		nullptr,
	};
}

constexpr char freelist_what[] = "boost::lockfree::detail::freelist_stack, filled beforehand";
constexpr unsigned both = bench::role_ordinary | bench::role_reserve;

const peer peers[] = {
	row<pool<no_mutex>>("boost pool, 1 thread", "boost::pool, not safe for threads",
			    bench::role_ordinary | bench::role_one_thread),
	row<pool<std::mutex>>("boost pool + mutex", "boost::pool under a mutex", bench::role_ordinary),
	row<freelist<64>>("boost freelist", freelist_what, both, create_freelist<64>),
	row<freelist<4096>>("boost freelist", freelist_what, both, create_freelist<4096>),
};

} // namespace

extern "C" bench::plugin bench_peers()
{
	return {"Boost", BOOST_LIB_VERSION, peers, std::size(peers), nullptr};
}
